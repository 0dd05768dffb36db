"""What everything stands on: errors, rejected scans, atomic writes, the record stamp."""
