"""The search index in OpenSearch, on a domain or on OpenSearch Serverless."""
