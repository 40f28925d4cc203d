"""Teams' activities, verified and parsed into our values."""
