"""Evaluation: every scan of a split scored once, then tables, numbers with intervals, plots and overlays.

`protocol` says how a number is made, `scans` reads the reference a scan at a time, `scoring` turns a scan
and a network into a `ScanScore`, `summary` sums those up, `record` is `metrics.json`, and `writing` the
folder of an evaluation. `crossvalidation` scores every scan by the run that did not train on it.
"""
