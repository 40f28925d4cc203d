"""Builds prompts for Claude, and measures what each call cost."""
