"""Readers, one for each format, and the child process that they run in."""
