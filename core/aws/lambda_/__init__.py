"""What only a Lambda function needs."""
