"""Coresets, pruning and codecs, the rivals of a distilled set. Contract: takes real crops, gives images."""
