"""Files become searchable passages."""
