"""The child process that reads a file, and the limits and restrictions it runs under."""
