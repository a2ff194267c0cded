"""Evaluation: the scores of every scan of a split, with tables, confidence intervals, plots and overlays.

- `protocol`: the settings of an evaluation
- `scans`: the reference slices of one scan at a time
- `models`, `predict`: the network that is evaluated
- `score_scan`: one scan and a network to a `scores.ScanScore`
- `summary`, `lesions`, `first_project`: numbers over all scans
- `record`, `tables`, `plots`, `overlays`, `write`: `metrics.json` and the rest of the output folder
- `evaluate`: the entries of a checkpoint's manifest
- `crossvalidation`: every scan scored by the run that did not train on it
"""
