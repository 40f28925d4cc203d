"""A stand-in for Amazon Bedrock, with an offline model."""
