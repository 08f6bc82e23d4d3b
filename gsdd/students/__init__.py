"""SR networks and their training on pairs. Contract: imports only the rooms above; takes pairs, returns weights."""
