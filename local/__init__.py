"""Everything on one machine: the command line and stand-ins for AWS, Bedrock and Slack."""
