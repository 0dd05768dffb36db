"""Sources of CT scans: generated, local and public."""
