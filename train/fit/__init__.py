"""Training a network: `fit(settings, run)`; see `train.fit` for its parts.

A run folder holds `settings.json`, `log.csv` (a line a scoring), `tensorboard/`, `pictures/` (one a
scoring), `last.pt` (everything a resume needs), `best.pt` (the averaged weights that scored best),
`final.pt` (the newest) and, unless another folder was named, `cache/` (the datasets, packed).
"""

from __future__ import annotations

from train.fit.loop import Interrupted, fit
from train.fit.settings import FitSettings, Runtime

__all__ = ["FitSettings", "Interrupted", "Runtime", "fit"]
