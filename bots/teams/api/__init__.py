"""HTTP calls to Microsoft: tokens, allowed hosts, the connector, rate limits and errors."""
