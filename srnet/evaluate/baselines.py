"""The names of the baselines: predictions that no training made, which a network must beat."""

BASELINES = {
    "all_zero": "All zero",
    "mean_volume": "Mean volume",
    "nearest_neighbour": "Nearest scan",
    "back_projection": "Back-projection",
    "ipf": "IPF of the mean",
}
"""Row of the tables -> its name in print; `srnet.evaluate.predict_baseline` makes each.

They stand apart from that module, so that tables and figures do not depend on its code.
"""
