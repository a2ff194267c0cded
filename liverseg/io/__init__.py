"""The names of what results are written as (imports nothing, so that `--help` is quick)."""

FORMATS = ("png", "nifti", "seg", "rtstruct", "csv", "json", "pdf", "glb")
"""What `write_results` writes; `report.json` and `overview.png` come with any of them."""
