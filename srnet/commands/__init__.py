"""Subcommands of the `srnet` console script, one per file."""
