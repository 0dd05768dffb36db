"""The differentiable projector, ML-EM, and the x-ray views that networks are given."""
