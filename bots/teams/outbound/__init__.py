"""Messages sent to Teams: posted, edited and streamed."""
