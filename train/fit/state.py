"""What a run keeps, so that it can be killed at any moment and go on as if it had not been.

`last.pt` holds everything a resume needs; `best.pt` the averaged weights that scored best, `final.pt`
the newest. Each is written beside its place and renamed. At a scoring `last.pt` is written last: what was
written before it and is newer is simply written again after a resume.
"""

from __future__ import annotations

import json
import logging
import math
import pickle
from dataclasses import asdict, dataclass, field
from pathlib import Path

import torch
from torch import nn

from registry.files import atomic_path, write_atomically
from train import provenance
from train.errors import TrainError
from train.export.training_record import dataset_records
from train.fit.ema import WeightAverage
from train.fit.settings import FitSettings

log = logging.getLogger("train.fit")


@dataclass
class Progress:
    """Where a run is: its updates, the losses since the last scoring, its best scores so far."""

    step: int = 0
    losses: list = field(default_factory=list)  # scalars; tensors until they are read, all at once
    best: float = -math.inf  # of the value that `best.pt` is chosen by
    best_tumour: float = -math.inf
    stale: int = 0  # scorings since the tumour Dice was best
    stopped: bool = False  # early

    def take_mean_loss(self) -> float:
        """Of the updates since the last call."""
        losses, self.losses = self.losses, []
        return sum(map(float, losses)) / len(losses)


class TrainingState:
    """Everything that an update changes, to be saved and restored whole."""

    def __init__(
        self,
        network: nn.Module,
        average: WeightAverage,
        optimiser: torch.optim.Optimizer,
        scaler: torch.amp.GradScaler,
    ) -> None:
        self.network, self.average, self.optimiser, self.scaler = network, average, optimiser, scaler
        self.progress = Progress()

    def save(self, run: Path) -> None:
        """Write `last.pt`."""
        self.progress.losses = list(map(float, self.progress.losses))
        state = {
            "network": self.network.state_dict(),
            "average": self.average.network.state_dict(),
            "updates": self.average.updates,
            "optimiser": self.optimiser.state_dict(),
            "scaler": self.scaler.state_dict(),
            "progress": asdict(self.progress),
        }
        write(run / "last.pt", state)

    def resume(self, run: Path) -> None:
        """Restore `last.pt`, when there is one. Raises `TrainError` when it is damaged."""
        path = run / "last.pt"
        if not path.exists():
            return
        try:
            state = torch.load(path, map_location="cpu", weights_only=True)
        except (OSError, RuntimeError, EOFError, pickle.UnpicklingError) as error:
            raise TrainError(f"{path} is damaged; without it the run starts from the beginning.") from error
        self.network.load_state_dict(state["network"])
        self.average.network.load_state_dict(state["average"])
        self.average.updates = state["updates"]
        self.optimiser.load_state_dict(state["optimiser"])
        if state["scaler"]:
            self.scaler.load_state_dict(state["scaler"])
        self.progress = Progress(**state["progress"])
        log.info("resuming after %d updates", self.progress.step)


def claim(run: Path, settings: FitSettings) -> None:
    """Write the resolved settings, or check that the run was begun with the same ones.

    Raises `TrainError` when it was not, or the folder cannot be written.
    """
    path, text = run / "settings.json", json.dumps(settings.record(), indent=1)
    if not path.exists():
        try:
            run.mkdir(parents=True, exist_ok=True)
            write_atomically(path, f"{text}\n".encode())
        except OSError as error:
            raise TrainError(f"{run} cannot be written: {error.strerror}.") from error
        return
    try:
        before = json.loads(path.read_text(encoding="utf-8"))
    except ValueError as error:
        raise TrainError(f"{path} is damaged; choose another folder or remove it.") from error
    now = json.loads(text)
    changed = sorted(name for name in {*before, *now} if before.get(name) != now.get(name))
    if changed:
        raise TrainError(
            f"{run} was begun with other settings ({', '.join(changed)}); choose another folder or remove it."
        )


def save_weights(
    path: Path, network: nn.Module, settings: FitSettings, seen: int, scores: dict[str, float]
) -> None:
    """Write averaged weights with what `train.weights.load_run` and `export` need to know of them.

    The datasets are described, too: where a run is exported they need not be.
    """
    state = {"weights": network.state_dict(), "settings": settings.record(), "seen": seen, "scores": scores}
    state["datasets"] = dataset_records(settings.data)
    write(path, {**state, "commit": provenance.commit(), "hardware": provenance.hardware()})


def write(path: Path, state: dict) -> None:
    """Write beside, then rename: a run killed at any moment keeps its last whole state.

    Raises `TrainError` when the disk takes no more.
    """
    try:
        with atomic_path(path) as partial:
            torch.save(state, partial)
    except (OSError, RuntimeError) as error:
        raise TrainError(f"{path} cannot be written: is the disk full? The last save is kept.") from error
