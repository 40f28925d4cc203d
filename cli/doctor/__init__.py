"""`parley doctor`: is everything there that Parley needs? One line each, with the fix."""
