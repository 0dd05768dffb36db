"""Errors whose text is meant for the person at the keyboard.

A message names the file or key, says what is wrong with the value that was
found, and what to do about it. The command line prints it on one line and
exits with status 2; everything else is a bug and keeps its traceback.
"""


class SrnetError(ValueError):
    """Say what is wrong with an input and how to cure it."""


class ScanRejected(SrnetError):
    """Say why one scan cannot be part of the cohort; the others go on."""
