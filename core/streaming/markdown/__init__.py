"""Reads and repairs Markdown, and decides which links may be live."""
