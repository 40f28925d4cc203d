"""Claude and the embedding models on Amazon Bedrock."""
