"""Slack's Web API: calls, errors, people, threads and files."""
