"""`parley inspect`: show what Parley makes of files, texts, events and questions."""
