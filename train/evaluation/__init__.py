"""Evaluation: the scores of every scan of a split, with tables, confidence intervals, plots and overlays.

- `protocol`: the settings of an evaluation
- `scans`: the reference slices of one scan at a time
- `models`, `predict`: the network that is evaluated
- `scan_image`, `graph_segmenter`: a scan and a network as the segmenter of liverseg takes them
- `score_scan`, `volume_mode`: one scan and a network to a `scores.ScanScore`, by slices or as a volume
- `scan_measures`: the measures that both have; `modes`: scores in one mode or both
- `summary`, `lesions`, `first_project`: numbers over all scans
- `record`, `tables`, `plots`, `overlays`, `write`: `metrics.json` and the rest of the output folder
- `evaluate`: the entries of a checkpoint's manifest
- `candidates`: candidate lesions with their features, the data of a lesion model
- `crossvalidation`: every scan scored by the run that did not train on it
"""
