"""Slack: parse its events, render Markdown as mrkdwn, call its Web API."""
