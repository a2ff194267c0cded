"""The saved state of a run, from which a killed run resumes to the same result.

`last.pt` holds everything a resume needs, `best.pt` the averaged weights with the best score, and `final.pt`
the newest averaged weights. Each file is written under a temporary name and then renamed. A scoring writes
`last.pt` last; after a crash, the resumed run writes the other files again.
"""

from __future__ import annotations

import json
import logging
import math
import pickle
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path

import torch
from torch import nn

from registry.files import atomic_path, write_atomically
from train import provenance
from train.errors import TrainError
from train.export.training_record import dataset_records
from train.fit.ema import WeightAverage
from train.fit.settings import FitSettings

_log = logging.getLogger(__name__)


@dataclass
class Progress:
    """The position of a run: its updates, the losses since the last scoring, and its best scores so far."""

    step: int = 0  # updates
    losses: list = field(default_factory=list)  # scalar tensors or floats, one per update
    best: float = -math.inf  # highest value that `best.pt` was selected by
    best_tumour: float = -math.inf
    stale: int = 0  # scorings since the best tumour Dice
    stopped: bool = False  # by early stopping

    def record(self, value: float, tumour: float, patience: int | None) -> bool:
        """Record a scoring and decide on early stopping; returns whether `value` is the best so far."""
        better = value > self.best
        self.best = max(value, self.best)
        self.stale = 0 if tumour > self.best_tumour else self.stale + 1
        self.best_tumour = max(tumour, self.best_tumour)
        self.stopped = patience is not None and self.stale >= patience
        return better

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
        self.progress = Progress(**state["progress"])
        _log.info("resuming after %d updates", self.progress.step)


OLD_SCORE_MODE = "slice"
"""How runs are scored whose settings do not say it: they were started before there was a choice."""


def with_saved_score_mode(run: Path, settings: FitSettings) -> FitSettings:
    """The settings with `OLD_SCORE_MODE` if the folder holds a run that was started without the setting.

    Such a run goes on as it began, because its best weights so far were chosen in that mode.
    """
    try:
        saved = json.loads((run / "settings.json").read_text(encoding="utf-8"))
    except (OSError, ValueError):  # a new run, or a damaged one, which `claim` refuses
        return settings
    if not isinstance(saved, dict) or "score_mode" in saved:
        return settings
    return replace(settings, score_mode=OLD_SCORE_MODE)


def claim(run: Path, settings: FitSettings) -> None:
    """Write `settings.json` to a new run folder, or check that an existing one has the same settings.

    A setting that is newer than the run counts as its default, but see `with_saved_score_mode`.

    Raises `TrainError` when the settings differ or the folder cannot be written.
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
        saved = json.loads(path.read_text(encoding="utf-8"))
    except ValueError as error:
        raise TrainError(f"{path} is damaged; choose another folder or remove it.") from error
    current = json.loads(text)
    older = {**FitSettings(data=settings.data).record(), "score_mode": OLD_SCORE_MODE}
    saved = json.loads(json.dumps(older)) | saved
    changed = sorted(name for name in {*saved, *current} if saved.get(name) != current.get(name))
    if changed:
        raise TrainError(
            f"{run} was started with other settings ({', '.join(changed)}); choose another folder or "
            "remove it."
        )


def save_weights(
    path: Path, network: nn.Module, settings: FitSettings, seen: int, scores: dict[str, float]
) -> None:
    """Write averaged weights with everything that `train.weights.load_run` and `export` read.

    The file describes the datasets, so that a run can be exported on a machine without them.
    """
    state = {"weights": network.state_dict(), "settings": settings.record(), "seen": seen, "scores": scores}
    state["datasets"] = dataset_records(settings.data)
    save_state(path, {**state, "commit": provenance.commit(), "hardware": provenance.hardware()})


def save_state(path: Path, state: dict) -> None:
    """Write under a temporary name and rename, so that a killed run keeps its last complete file.

    Raises `TrainError` when the file cannot be written.
    """
    try:
        with atomic_path(path, sole_writer=True) as partial:
            torch.save(state, partial)
    except (OSError, RuntimeError) as error:
        raise TrainError(f"{path} cannot be written: is the disk full? The last save is kept.") from error
