"""Two scans of one patient: registration of the livers, matching of the lesions, and their change (pure)."""
