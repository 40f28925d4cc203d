"""`parley inspect`: what Parley makes of files, texts, events and questions, by its own code."""
