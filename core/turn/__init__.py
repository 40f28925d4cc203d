"""The use case: a question becomes an answer, a command takes effect."""
