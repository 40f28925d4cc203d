"""Documents: searching them for an answer, reading them, and erasing them."""
