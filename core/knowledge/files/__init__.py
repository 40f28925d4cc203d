"""Shared files: taken in, followed, read again, and erased."""
