"""The report as a PDF page."""
