"""Coresets and pruning, the rivals of a distilled set. Contract: takes a catalog, returns crops."""
