"""`train/RESULTS.md`: every number with its protocol, its n and what it may be compared with."""
