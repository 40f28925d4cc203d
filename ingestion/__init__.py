"""Turn files into searchable passages: read, chunk, embed and index them; repair differences."""
