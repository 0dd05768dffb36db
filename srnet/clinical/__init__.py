"""From two x-ray films to a volume, a mesh and a page."""
