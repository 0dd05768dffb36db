"""Metrics, floors, statistics and tables."""
