"""Thousands of scans on Ray: found by their headers, segmented once each, told in tables.

`finding` makes scans of a source, `scheduling` hands them to the actors of `worker`, `store` keeps one record
an input, from which `tables` and `summary` are made. Needs the extra `cohort`.
"""
