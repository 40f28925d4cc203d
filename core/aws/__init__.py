"""AWS behind the core's ports: Bedrock, DynamoDB, SQS, S3 and OpenSearch."""
