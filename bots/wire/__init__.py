"""What both platforms need to read requests, files and refusals."""
