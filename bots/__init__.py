"""The chat platforms, one folder each, and the processes that receive and answer messages."""
