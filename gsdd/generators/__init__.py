"""Named or given weights -> G, frozen, with a fingerprint."""
