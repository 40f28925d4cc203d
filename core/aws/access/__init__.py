"""What every AWS adapter shares: clients, calls and their errors, secrets, and encoded values."""
