"""What is kept in the DynamoDB table: one module for each kind of row."""
