"""Streaming answers: from the model's text to edits of a platform's messages."""
