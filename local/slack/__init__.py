"""A Slack stand-in: a workspace on this machine with Slack's API, limits and errors, and a page."""
