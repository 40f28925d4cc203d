"""Which calls a platform lets us make, shared by all conversations and all processes."""
