"""Slack's Web API, as the stand-in serves it."""
