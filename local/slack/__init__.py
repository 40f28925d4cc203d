"""A Slack workspace on this machine: what the platform accepts, refuses and sends, and a page."""
