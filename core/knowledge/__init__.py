"""What documents say about a question, and what must be forgotten."""
