"""psi, the map from one image to one vector."""
