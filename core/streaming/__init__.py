"""One growing answer: from the model's text to the edits of a platform's messages."""
