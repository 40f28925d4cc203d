"""A real OpenSearch node on this machine."""
