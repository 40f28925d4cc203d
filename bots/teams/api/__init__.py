"""HTTP to Microsoft: tokens, hosts, the connector, errors."""
