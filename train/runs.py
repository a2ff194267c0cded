"""What `fit` leaves behind, read back."""

from __future__ import annotations

import csv
import pickle
from collections.abc import Sequence
from pathlib import Path

import torch

from train.errors import TrainError
from train.published import holds_checkpoint, load_published


def load_run(path: str | Path) -> dict:
    """A weights file of `fit`, or a run folder's best one: `weights`, `settings`, `seen`, `scores`, `hours`.

    The folder of a published checkpoint is read too, its `training` record beside the rest.
    Raises `TrainError` when there is none, or the file is something else.
    """
    path = Path(path)
    if holds_checkpoint(path):
        return load_published(path)
    path = path / "best.pt" if path.is_dir() else path
    try:
        state = torch.load(path, map_location="cpu", weights_only=True)
    except (OSError, RuntimeError, EOFError, pickle.UnpicklingError) as error:
        raise TrainError(f"{path} holds no weights of a run.") from error
    if not isinstance(state, dict) or "weights" not in state:
        raise TrainError(f"{path} holds no weights of a run.")
    hours = training_hours(path.with_name("log.csv"), state.get("seen", 0))
    return {**state, "hours": hours, "settings": _in_present_terms(state["settings"])}


def mean_weights(weights: Sequence[dict[str, torch.Tensor]]) -> dict[str, torch.Tensor]:
    """The mean of networks' weights (Wortsman et al., Model soups, ICML 2022); counters are the last one's.

    Worth something where the networks began from the same weights. Raises `TrainError` for different ones.
    """
    shapes = [{name: tensor.shape for name, tensor in one.items()} for one in weights]
    if any(shape != shapes[0] for shape in shapes):
        raise TrainError("The runs are of different networks.")
    return {
        name: torch.stack([one[name] for one in weights]).mean(dim=0) if last.is_floating_point() else last
        for name, last in weights[-1].items()
    }


def stages(state: dict) -> list[dict]:
    """The runs that a run started from (`init`), the first of them first, and the run itself."""
    init = state["settings"].get("init")
    return [*(stages(load_run(init)) if init else []), state]


def training_hours(log: Path, seen: int) -> float | None:
    """Hours that a run trained until it had seen so many samples, scoring aside; None without its log."""
    if not log.is_file():
        return None
    with log.open(newline="", encoding="utf-8") as file:
        rows = [(float(row["samples"]), float(row["rate"])) for row in csv.DictReader(file)]
    hours, before = 0.0, 0.0
    for samples, rate in rows:
        if samples <= seen:
            hours += (samples - before) / rate / 3600
            before = samples
    return hours


def _in_present_terms(settings: dict) -> dict:
    """Settings of a run made before architectures had options and networks several windows."""
    settings = dict(settings)
    if "options" not in settings:
        given = {name: settings.pop(name, None) for name in ("decoder_width", "embedding")}
        settings["options"] = {name: value for name, value in given.items() if value is not None}
    if "windows" not in settings:
        settings["windows"] = (tuple(settings.pop("window")),)
    return settings
