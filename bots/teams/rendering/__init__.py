"""Markdown as Teams shows it: text and Adaptive Cards."""
