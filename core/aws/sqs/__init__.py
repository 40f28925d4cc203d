"""SQS queues: turns, file events and dead letters, and the consumers."""
