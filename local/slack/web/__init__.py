"""The stand-in's implementation of Slack's Web API."""
