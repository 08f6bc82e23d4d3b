"""Processes, and the chunks of work that they share out."""
