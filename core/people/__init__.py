"""Access control: which documents a person may see."""
