"""Training a network: `fit(settings, run)` writes a run folder, and resumes one that was interrupted.

A run folder holds

- `settings.json`: the settings, fixed for the life of the run
- `log.csv` and `tensorboard/`: one entry per scoring
- `pictures/`: one picture per scoring
- `last.pt`: the training state that a resume needs
- `best.pt`, `final.pt`: the averaged weights with the best score, and the newest ones
- `cache/`: the packed datasets, unless `Runtime.cache` names another folder
"""

from __future__ import annotations

from train.fit.loop import Interrupted, fit
from train.fit.settings import FitSettings, Runtime

__all__ = ["FitSettings", "Interrupted", "Runtime", "fit"]
