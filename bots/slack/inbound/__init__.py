"""Slack's requests and events, verified and parsed into our values."""
