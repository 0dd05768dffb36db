"""Anatomy of the generated patients: measures, posture, bones, soft tissue."""
