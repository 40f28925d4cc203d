"""The use cases: answering questions and carrying out commands."""
