"""Tensors in, tensors out: the ops that augment and average. Knows nothing of files, generators, recipes."""
