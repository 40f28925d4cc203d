"""How often retrieval finds the passage that answers, on manuals in two languages."""
