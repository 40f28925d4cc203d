"""What both platforms share: reading JSON fields, downloading files, handling refusals."""
