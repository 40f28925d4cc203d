"""Which calls a platform lets us make, shared by all conversations and all processes.

README.md has the words, the states of a limiter and a worked example.
"""
