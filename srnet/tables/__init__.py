"""From scores to the tables of the paper."""
