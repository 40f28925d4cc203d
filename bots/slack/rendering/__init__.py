"""Markdown as Slack shows it: mrkdwn and blocks."""
