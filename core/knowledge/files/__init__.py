"""The life of shared files: storing, following, reading again, and erasing them."""
