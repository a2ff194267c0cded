"""Reading and writing. This module imports nothing, so that `--help` stays fast."""

FORMATS = ("png", "nifti", "seg", "rtstruct", "sr", "sc", "csv", "json", "pdf", "glb")
"""Output formats of `write_results`; it always adds `report.json` and `overview.png`."""
