"""One folder a platform; each translates between its JSON and core values."""
