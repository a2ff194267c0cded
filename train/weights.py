"""The saved weights of a run: read back, traced to the runs it started from, and averaged."""

from __future__ import annotations

import csv
import json
import pickle
from collections.abc import Sequence
from pathlib import Path

import torch

from train.checkpoint_weights import is_checkpoint_folder, load_checkpoint_weights, registered_checkpoint
from train.errors import TrainError


def load_run(path: str | Path) -> dict:
    """The saved state of a run: its `weights`, `settings`, `seen` (samples), `scores` and `hours`.

    `path` is a weights file that `fit` wrote, a run folder (`weights_file` is read), the folder of an
    exported checkpoint (`train.checkpoint_weights`) or the name of one in the registry. Raises `TrainError`
    when it is none of these.
    """
    path = Path(path)
    if not path.exists() and (folder := registered_checkpoint(str(path))) is not None:
        path = folder
    if is_checkpoint_folder(path):
        return load_checkpoint_weights(path)
    path = weights_file(path) if path.is_dir() else path
    try:
        state = torch.load(path, map_location="cpu", weights_only=True)
    except (OSError, RuntimeError, EOFError, pickle.UnpicklingError) as error:
        raise TrainError(f"{path} holds no weights of a run.") from error
    if not isinstance(state, dict) or "weights" not in state:
        raise TrainError(f"{path} holds no weights of a run.")
    hours = state.get("hours")
    if hours is None:  # weights of older runs do not hold them
        hours = training_hours(path.with_name("log.csv"), state.get("seen", 0))
    return {**state, "hours": hours, "settings": _with_current_keys(state["settings"])}


def weights_file(run: Path) -> Path:
    """The weights of a run folder: its `best.pt`, or that of the last stage of a recipe."""
    stages = sorted(path for path in run.glob("stage-*/") if (path / "best.pt").is_file())
    return (stages[-1] if stages and not (run / "best.pt").is_file() else run) / "best.pt"


def training_stages(state: dict) -> list[dict]:
    """The states of the runs that a run started from, earliest first, and the run's own last.

    A weights file describes the earlier ones in `lineage`, without their weights; those of older runs are
    read from the folder that `init` names.
    """
    if "lineage" in state:
        return [*state["lineage"], state]
    init = state["settings"].get("init")
    return [*(training_stages(load_run(init)) if init else []), state]


def stage_record(state: dict) -> dict:
    """What the runs that start from a run keep of its state: all but weights, scores and earlier runs."""
    return {name: value for name, value in state.items() if name not in ("weights", "scores", "lineage")}


def other_stages(states: Sequence[dict]) -> list[dict]:
    """The records of all runs that led to `states`, each once, without that of the last state."""
    found = {_identity(stage): stage_record(stage) for state in states for stage in training_stages(state)}
    found.pop(_identity(states[-1]), None)
    return list(found.values())


def _identity(stage: dict) -> str:
    """A text that the records of one run share, whether it was read as a run or as a checkpoint's stage."""
    return json.dumps(stage.get("training") or stage_record(stage), sort_keys=True, default=str)


def training_hours(log_file: Path, seen: int) -> float | None:
    """Hours of training until `seen` samples, without the time for scoring; None without a `log.csv`."""
    if not log_file.is_file():
        return None
    with log_file.open(newline="", encoding="utf-8") as file:
        rows = [(float(row["samples"]), float(row["rate"])) for row in csv.DictReader(file)]
    hours, previous = 0.0, 0.0
    for samples, rate in rows:
        if samples <= seen:
            hours += (samples - previous) / rate / 3600
            previous = samples
    return hours


def mean_weights(weights: Sequence[dict[str, torch.Tensor]]) -> dict[str, torch.Tensor]:
    """The mean of the weights of several networks; integer counters are those of the last network.

    The mean is useful for networks that started from the same weights (Wortsman et al., Model soups,
    ICML 2022). Raises `TrainError` when the networks differ in the names or shapes of their weights.
    """
    shapes = [{name: tensor.shape for name, tensor in one.items()} for one in weights]
    if any(shape != shapes[0] for shape in shapes):
        raise TrainError("The runs are of different networks.")
    return {
        name: torch.stack([one[name] for one in weights]).mean(dim=0) if last.is_floating_point() else last
        for name, last in weights[-1].items()
    }


def _with_current_keys(settings: dict) -> dict:
    """Settings of an older run with the keys `options` and `windows` in place of those they replaced."""
    settings = dict(settings)
    if "options" not in settings:
        values = {name: settings.pop(name, None) for name in ("decoder_width", "embedding")}
        settings["options"] = {name: value for name, value in values.items() if value is not None}
    if "windows" not in settings:
        settings["windows"] = (tuple(settings.pop("window")),)
    return settings
