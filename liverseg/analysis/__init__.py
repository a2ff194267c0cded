"""Measures, lesions, comparisons, metrics and plausibility checks. Arrays in, values out; no files."""
