"""Experiments: held-out objective, the paper's tables and figures."""
