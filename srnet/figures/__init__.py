"""Figures 5 to 9 of the paper and the overview."""
