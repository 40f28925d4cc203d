"""The DynamoDB table: one module for each kind of row."""
