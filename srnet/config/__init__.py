"""Typed settings: one module per stage, assembled in `run`."""
