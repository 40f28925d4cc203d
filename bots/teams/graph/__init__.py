"""Microsoft Graph: threads, channels, people and files."""
