"""Metrics, baselines and scores."""
