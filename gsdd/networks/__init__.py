"""SR networks that spandrel does not have."""
