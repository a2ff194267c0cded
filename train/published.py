"""A published checkpoint as the start of a run: its trainable weights, read from the safe twin."""

from __future__ import annotations

import json
from pathlib import Path

import safetensors
import safetensors.torch
import torch

from liverseg.windowing import Window
from registry import RegistryError, open_checkpoint
from train.architectures import build
from train.errors import TrainError
from train.graph import network_channels

CONFIG_FILE, WEIGHTS_FILE = "config.json", "model.safetensors"
_OF_THE_GRAPH = ("architecture", "classes", "windows", "working_size", "context_slices")
"""Keys of `config.json` that are no options of the architecture."""


def holds_checkpoint(path: Path) -> bool:
    """Whether the folder is a checkpoint of contract 1."""
    return (path / "manifest.json").is_file()


def load_published(folder: Path) -> dict:
    """The checkpoint's weights in float32 with what `train.runs.load_run` gives of a run.

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
