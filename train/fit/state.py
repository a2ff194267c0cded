"""The saved state of a run, from which a killed run resumes to the same result.

`last.pt` holds everything a resume needs, `best.pt` the averaged weights with the best score, and `final.pt`
the newest averaged weights. Each file is written under a temporary name and then renamed. A scoring writes
`last.pt` last; after a crash, the resumed run writes the other files again.
"""

from __future__ import annotations

import logging
import math
import pickle
from dataclasses import asdict, dataclass, field, fields
from pathlib import Path
from typing import Any

import torch
from torch import nn

from registry.files import atomic_path
from train.errors import TrainError
from train.fit.ema import WeightAverage
from train.fit.settings import FitSettings

_log = logging.getLogger(__name__)

NAN_INTERVAL = 16
"""Updates between two looks at the loss on a GPU, each of which waits for the GPU."""


@dataclass
class Progress:
    """The position of a run: its updates, the losses since the last scoring, and its best scores so far."""

    step: int = 0  # updates
    losses: list = field(default_factory=list)  # scalar tensors or floats, one per update
    best: float = -math.inf  # highest value that `best.pt` was selected by
    best_tumour: float = -math.inf
    stale: int = 0  # scorings since the best tumour Dice
    stopped: bool = False  # by early stopping
    seconds: float = 0.0  # of training, without scoring
    drawn: list = field(default_factory=list)  # samples of each dataset in the first `drawn_steps` updates
    drawn_steps: int = 0

    def record(self, value: float, tumour: float, patience: int | None) -> bool:
        """Record a scoring and decide on early stopping; returns whether `value` is the best so far."""
        better = value > self.best
        self.best = max(value, self.best)
        self.stale = 0 if tumour > self.best_tumour else self.stale + 1
        self.best_tumour = max(tumour, self.best_tumour)
        self.stopped = patience is not None and self.stale >= patience
        return better

    def refuse_nan(self, seen: int) -> None:
        """Raise `TrainError` when one of the last `NAN_INTERVAL` losses is not finite.

        `seen` is the number of samples seen.
        """
        losses = self.losses[-NAN_INTERVAL:]
        if losses and not math.isfinite(float(sum(losses))):
            raise TrainError(
                f"The loss is NaN after {seen} samples: lower the --learning-rate, or use --precision fp32. "
                "What was saved before is kept."
            )

    def take_mean_loss(self) -> float:
        """The mean loss of the updates since the last call."""
        losses, self.losses = self.losses, []
        return sum(map(float, losses)) / len(losses)


class TrainingState:
    """Everything that an update changes; it is saved and restored as a whole."""

    def __init__(
        self,
        network: nn.Module,
        average: WeightAverage,
        optimiser: torch.optim.Optimizer,
        scaler: torch.amp.GradScaler,
    ) -> None:
        self.network, self.average, self.optimiser, self.scaler = network, average, optimiser, scaler
        self.progress = Progress()

    def save(self, run: Path, seconds: float = 0.0) -> None:
        """Write `last.pt`; `seconds` of training have passed since the last scoring."""
        self.progress.losses = list(map(float, self.progress.losses))
        state = {
            "network": self.network.state_dict(),
            "average": self.average.network.state_dict(),
            "updates": self.average.updates,
            "optimiser": self.optimiser.state_dict(),
            "scaler": self.scaler.state_dict(),
            "progress": asdict(self.progress) | {"seconds": self.progress.seconds + seconds},
        }
        save_state(run / "last.pt", state)

    def resume(self, run: Path) -> None:
        """Restore `last.pt` if it exists. Raises `TrainError` when it is damaged."""
        path = run / "last.pt"
        if not path.exists():
            return
        try:
            state = torch.load(path, map_location="cpu", weights_only=True)
        except (OSError, RuntimeError, EOFError, pickle.UnpicklingError) as error:
            raise TrainError(f"{path} is damaged; remove it to start the run from the beginning.") from error
        self.network.load_state_dict(state["network"])
        self.average.network.load_state_dict(state["average"])
        self.average.updates = state["updates"]
        self.optimiser.load_state_dict(state["optimiser"])
        if state["scaler"]:
            self.scaler.load_state_dict(state["scaler"])
        known = {f.name for f in fields(Progress)}
        self.progress = Progress(**{name: v for name, v in state["progress"].items() if name in known})
        _log.info("resuming after %d updates", self.progress.step)


def save_weights(
    path: Path,
    network: nn.Module,
    settings: FitSettings,
    seen: int,
    scores: dict[str, float],
    record: dict[str, Any],
) -> None:
    """Write averaged weights with everything that `train.weights.load_run` and `export` read.

    `record` is that of `train.fit.records.run_record`, so that a run can be exported without its folder, its
    data, and the runs that it started from.
    """
    state = {"weights": network.state_dict(), "settings": settings.record(), "seen": seen, "scores": scores}
    save_state(path, {**state, **record})


def save_state(path: Path, state: dict) -> None:
    """Write under a temporary name and rename, so that a killed run keeps its last complete file.

    Raises `TrainError` when the file cannot be written.
    """
    try:
        with atomic_path(path, sole_writer=True) as partial:
            torch.save(state, partial)
    except (OSError, RuntimeError) as error:
        raise TrainError(f"{path} cannot be written: is the disk full? The last save is kept.") from error
