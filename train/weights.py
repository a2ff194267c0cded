"""What `fit` leaves behind, read back."""

from __future__ import annotations

import csv
import json
import pickle
from collections.abc import Sequence
from pathlib import Path

import safetensors
import safetensors.torch
import torch
from torch import nn

from liverseg.core.window import Window
from registry import RegistryError, open_checkpoint
from train.errors import TrainError
from train.models import build
from train.models.graph import HuToProbabilities, network_channels


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


def windows_of(settings: dict) -> list[Window]:
    """What each group of a run's input channels shows."""
    return [Window(*window) for window in settings["windows"]]


def trained_network(state: dict) -> nn.Module:
    """The network of a run's state (`load_run`) with its weights, in evaluation mode."""
    settings = state["settings"]
    channels = network_channels(windows_of(settings), settings["context_slices"])
    network = build(settings["architecture"], channels=channels, **settings["options"])
    network.load_state_dict(state["weights"])
    return network.eval()


def trained_graph(state: dict, working_size: int, context_slices: int) -> nn.Module:
    """HU to probabilities with the network as it was trained, in float32.

    Raises `TrainError` when the network has not the channels for so many slices.
    """
    settings = state["settings"]
    windows = windows_of(settings)
    if network_channels(windows, context_slices) != network_channels(windows, settings["context_slices"]):
        raise TrainError(
            f"A network trained with {settings['context_slices']} slices of context cannot take "
            f"{context_slices}."
        )
    return HuToProbabilities(trained_network(state), windows, working_size, context_slices).eval()


CONFIG_FILE, WEIGHTS_FILE = "config.json", "model.safetensors"
_OF_THE_GRAPH = ("architecture", "classes", "windows", "working_size", "context_slices")
"""Keys of `config.json` that are no options of the architecture."""


def holds_checkpoint(path: Path) -> bool:
    """Whether the folder is a checkpoint of contract 1."""
    return (path / "manifest.json").is_file()


def load_published(folder: Path) -> dict:
    """The checkpoint's weights in float32 with what `train.weights.load_run` gives of a run.

    Every file is checked against the manifest, and nothing is unpickled. `training` is the manifest's own
    record: what the weights were trained on, for the record of a run that starts from them.
    Raises `TrainError` for a damaged checkpoint, or one whose weights do not fit its configuration.
    """
    try:
        checkpoint = open_checkpoint(folder, folder.name)
        config = json.loads(checkpoint.read_verified(CONFIG_FILE))
        weights = safetensors.torch.load(checkpoint.read_verified(WEIGHTS_FILE))
        training = dict(checkpoint.manifest.training)
        settings = _settings(config, training.get("seed"))
        network = build(settings["architecture"], channels=_channels(settings), **settings["options"])
        blank = network.state_dict()
        full = {**{name: t for name, t in blank.items() if not t.ndim}, **weights}  # counters are not kept
        network.load_state_dict(full)
    except RegistryError as error:
        raise TrainError(str(error)) from error
    except (ValueError, KeyError, TypeError, RuntimeError, safetensors.SafetensorError) as error:
        raise TrainError(f"The weights of {folder.name} do not fit its {CONFIG_FILE}.") from error
    return {
        "weights": {name: t.float() if t.dtype is torch.float16 else t for name, t in full.items()},
        "settings": settings,
        "seen": int(training.get("samples_seen", 0)),
        "hours": training.get("hours"),
        "training": training,
        "datasets": [dict(dataset) for dataset in training.get("datasets", ())],
        "commit": training.get("commit"),
        "hardware": training.get("hardware"),
    }


def _settings(config: dict, seed: int | None) -> dict:
    """As a run's settings have them; a checkpoint names no folders of data."""
    return {
        "architecture": config["architecture"],
        "options": {key: value for key, value in config.items() if key not in _OF_THE_GRAPH},
        "windows": tuple((w["center_hu"], w["width_hu"]) for w in config["windows"]),
        "working_size": config["working_size"],
        "context_slices": config["context_slices"],
        "data": (),
        "init": None,
        "seed": seed,
    }


def _channels(settings: dict) -> int:
    windows = [Window(*window) for window in settings["windows"]]
    return network_channels(windows, settings["context_slices"])
