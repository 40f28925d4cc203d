"""The values that everything else speaks about. Frozen, and no I/O."""
