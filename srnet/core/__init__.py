"""What everything is built on: errors, rejected scans, atomic writes, digests, the record id."""
