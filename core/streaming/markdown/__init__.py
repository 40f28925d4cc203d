"""Parses, repairs and sanitises a model's Markdown."""
