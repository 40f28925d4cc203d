"""Find and repair differences between bucket, manifest and index."""
