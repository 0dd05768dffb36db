"""Training loop, losses, checkpoints and prediction."""
