"""Volumes, x-rays, their files, units and geometry."""
