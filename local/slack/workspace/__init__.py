"""A Slack workspace's state: people, channels, messages and files."""
