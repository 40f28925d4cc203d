"""What a turn is and how it is answered: values, pure decisions, ports."""
