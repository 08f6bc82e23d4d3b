"""Which real crops: those that latents begin from, and coresets. Contract: takes a catalog, gives crops."""
