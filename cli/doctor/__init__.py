"""`parley doctor`: check everything that Parley needs, one line each, with the fix."""
