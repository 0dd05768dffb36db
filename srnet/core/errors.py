"""Errors whose text is meant for the user.

A message names the file or key, the wrong value and what to do about it. The command line prints
it on one line and exits with status 2; any other exception is a bug and keeps its traceback.
"""


class SrnetError(ValueError):
    """Say what is wrong with an input and how to correct it."""


class ScanRejected(SrnetError):
    """Say why one scan cannot be part of the cohort; the others go on."""
