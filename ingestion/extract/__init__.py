"""Readers, one module for each file format, and the checks that they share."""
