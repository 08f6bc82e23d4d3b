"""Real crops -> inverted latents -> distilled latents (Eq. 3-9)."""
