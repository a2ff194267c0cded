"""Training a network: `fit(settings, run)` writes a run folder, and resumes one that was interrupted.

A run folder holds

- `settings.json`: the settings; a resume may change a few (`train.fit.run_folder`)
- `provenance.json`: the datasets' fingerprints, the runs before this one, and the commits of the code
- `log.csv` and `tensorboard/`: one entry per scoring
- `pictures/`: one picture per scoring
- `last.pt`: the training state that a resume needs
- `best.pt`, `final.pt`: the averaged weights with the best score, and the newest ones

The packed datasets are in the cache that all runs share (`train.data.pack`). A recipe's run folder holds a
run folder for each stage (`train.fit.recipe`).
"""

from __future__ import annotations

from train.fit.loop import Interrupted, fit
from train.fit.settings import FitSettings, Runtime

__all__ = ["FitSettings", "Interrupted", "Runtime", "fit"]
