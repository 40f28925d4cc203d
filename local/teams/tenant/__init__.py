"""A Teams tenant's state: people, conversations, messages and files."""
