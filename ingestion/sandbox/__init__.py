"""The child process that reads a file, and what it is not allowed to do."""
