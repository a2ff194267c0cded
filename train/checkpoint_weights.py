"""The weights of an exported checkpoint, read as the state of the run that it was exported from."""

from __future__ import annotations

import json
from pathlib import Path

import safetensors
import safetensors.torch
import torch

from registry import RegistryError, open_checkpoint, open_registries
from train.errors import TrainError
from train.models import options_of
from train.models.segformer import SEGFORMER_CONFIGS
from train.models.transformers_files import from_transformers
from train.networks import build_network

CONFIG_FILE, WEIGHTS_FILE = "config.json", "model.safetensors"
_GRAPH_KEYS = ("architecture", "classes", "windows", "working_size", "context_slices")
"""Keys of `config.json` that describe the graph.

All others are options of the architecture, or fields of transformers where there is a `model_type`.
"""


def is_checkpoint_folder(path: Path) -> bool:
    """Whether the folder holds an exported checkpoint."""
    return (path / "manifest.json").is_file()


def registered_checkpoint(reference: str) -> Path | None:
    """The folder of a checkpoint of the registry, by `name` or `name@version`; None where there is none."""
    try:
        return open_registries().find(reference).folder
    except RegistryError:
        return None


def load_checkpoint_weights(folder: Path) -> dict:
    """The checkpoint's float32 weights and the other keys of `train.weights.load_run`.

    Every file is verified against the manifest, and nothing is unpickled. The key `training` is the
    manifest's training record, which names the datasets that the weights were trained on.
    Raises `TrainError` when the checkpoint is damaged or its weights do not fit its configuration.
    """
    try:
        checkpoint = open_checkpoint(folder, folder.name)
        config = json.loads(checkpoint.read_verified(CONFIG_FILE))
        stored_tensors = safetensors.torch.load(checkpoint.read_verified(WEIGHTS_FILE))
        training = dict(checkpoint.manifest.training)
        settings = _run_settings(config, training.get("seed"))
        network = build_network(settings)
        counters = {name: tensor for name, tensor in network.state_dict().items() if not tensor.ndim}
        stored = from_transformers(stored_tensors, network.state_dict())
        weights = {**stored, **counters}  # the counters in a checkpoint have no meaning
        network.load_state_dict(weights)
    except RegistryError as error:
        raise TrainError(str(error)) from error
    except (ValueError, KeyError, TypeError, RuntimeError, safetensors.SafetensorError) as error:
        raise TrainError(f"The weights of {folder.name} do not fit its {CONFIG_FILE}.") from error
    return {
        "weights": {
            name: tensor.float() if tensor.dtype is torch.float16 else tensor
            for name, tensor in weights.items()
        },
        "settings": settings,
        "seen": int(training.get("samples_seen", 0)),
        "hours": training.get("hours"),
        "training": training,
        "ref": checkpoint.ref,
        "datasets": [dict(dataset) for dataset in training.get("datasets", ())],
        "commit": training.get("commit"),
        "hardware": training.get("hardware"),
    }


def _run_settings(config: dict, seed: int | None) -> dict:
    """`config.json` in the form of a run's settings; `data` is empty because it names no folders."""
    return {
        "architecture": config["architecture"],
        "options": _options(config),
        "windows": tuple((w["center_hu"], w["width_hu"]) for w in config["windows"]),
        "working_size": config["working_size"],
        "context_slices": config["context_slices"],
        "data": (),
        "init": None,
        "seed": seed,
    }


def _options(config: dict) -> dict:
    """The options of the architecture in `config.json`."""
    options = {key: value for key, value in config.items() if key not in _GRAPH_KEYS}
    if "model_type" not in config:
        return options
    known = {key: value for key, value in options.items() if key in options_of(config["architecture"])}
    if tuple(known.get("depths", ())) == SEGFORMER_CONFIGS[config["architecture"]].depths:
        del known["depths"]  # transformers states the depths also where they are the published ones
    return known
