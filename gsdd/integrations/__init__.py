"""Doors into other people's trainers; each imports its trainer only when asked."""
