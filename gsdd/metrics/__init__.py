"""Distances between images, each with its convention."""
