"""What people are told: sentences and labels."""
