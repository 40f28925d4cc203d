"""The only vendor calls in core: Bedrock, DynamoDB, SQS, S3, each behind a port."""
