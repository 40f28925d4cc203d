"""Queues: turns, file events, dead letters, and those who consume them."""
