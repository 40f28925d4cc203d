"""Everything on one machine: stand-ins for AWS, Bedrock, Slack and Teams, and a page."""
