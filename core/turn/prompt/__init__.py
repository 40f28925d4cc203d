"""What Claude is asked: prompts, their parts, and what each call cost."""
