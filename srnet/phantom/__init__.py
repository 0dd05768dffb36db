"""Generated bodies and scanners."""
