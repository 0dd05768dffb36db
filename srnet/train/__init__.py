"""Training loop, schedules, checkpoints and prediction."""
