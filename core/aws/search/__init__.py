"""Chunks in OpenSearch, on a domain or serverless."""
