"""Reconstruction networks, one per file, and the discriminator."""
