"""Finds and repairs what differs between bucket, manifest and index."""
