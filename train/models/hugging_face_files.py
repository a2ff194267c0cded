"""The files of a Hugging Face model: configuration and weights, from a folder or from the Hub."""

from __future__ import annotations

import json
import pickle
import re
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import safetensors.torch
import torch
from safetensors import SafetensorError
from torch import Tensor

from registry.hub.client import api
from registry.hub.errors import told
from train.errors import TrainError

_SAFE = "model.safetensors"
_PICKLED = "pytorch_model.bin"
_ABOUT = ["config.json", "preprocessor_config.json"]
_NAME = re.compile(r"[\w.-]+(?:/[\w.-]+)?", re.ASCII)

IMAGENET_MEAN, IMAGENET_STD = (0.485, 0.456, 0.406), (0.229, 0.224, 0.225)


@dataclass(frozen=True)
class HuggingFaceModel:
    """What is read of a model's files."""

    source: str  # as the user named it
    config: dict[str, Any]
    tensors: dict[str, Tensor]  # by their names in the file
    image_mean: tuple[float, ...]  # of the input, in [0, 1], that the weights expect
    image_std: tuple[float, ...]


def read_model(source: str | Path) -> HuggingFaceModel:
    """A model from a folder as `save_pretrained` writes it, else from the Hub by its name.

    Raises `TrainError` where there is none or its files cannot be read, and the registry's errors, one
    sentence each, where the Hub has none or cannot be reached. Pickled weights are read without
    running anything.
    """
    folder = Path(source).expanduser()
    if not folder.is_dir():
        folder = _from_hub(str(source))
    config = _json(folder / "config.json")
    about = _json(folder / _ABOUT[1]) if (folder / _ABOUT[1]).is_file() else {}
    mean, std = about.get("image_mean", IMAGENET_MEAN), about.get("image_std", IMAGENET_STD)
    if not (_are_numbers(mean) and _are_numbers(std) and min(std) > 0 and len(mean) == len(std)):
        raise TrainError(f"The mean and deviation in the {_ABOUT[1]} of {source} are no numbers to use.")
    return HuggingFaceModel(str(source), config, _tensors(folder, str(source)), tuple(mean), tuple(std))


def _from_hub(name: str) -> Path:
    if not _NAME.fullmatch(name):
        raise TrainError(f"{name} is no folder and no name on the Hub, like nvidia/mit-b0.")
    with told(name):
        folder = Path(api().snapshot_download(name, allow_patterns=[*_ABOUT, _SAFE, f"{_SAFE}.*", "model-*"]))
        if not any((folder / file).is_file() for file in (_SAFE, f"{_SAFE}.index.json")):
            pickled = [*_ABOUT, _PICKLED, f"{_PICKLED}.*", "pytorch_model-*.bin"]
            folder = Path(api().snapshot_download(name, allow_patterns=pickled))
    return folder


def _tensors(folder: Path, source: str) -> dict[str, Tensor]:
    """Every tensor of the first kind of weights that is there, safe ones before pickled ones."""
    for file in (_SAFE, _PICKLED):
        if (folder / file).is_file():
            return _one_file(folder / file)
        index = folder / f"{file}.index.json"
        if index.is_file():
            tensors: dict[str, Tensor] = {}
            for part in sorted(set(_weight_map(index).values())):
                tensors |= _one_file(folder / part)
            return tensors
    raise TrainError(f"{source} has no weights: neither {_SAFE} nor {_PICKLED}.")


def _weight_map(index: Path) -> dict[str, str]:
    """Tensor to file. A file lies in the folder itself, whatever the index says."""
    files = _json(index).get("weight_map")
    if not isinstance(files, dict) or not all(
        isinstance(file, str) and Path(file).name == file and (index.parent / file).is_file()
        for file in files.values()
    ):
        raise TrainError(f"{index.name} names files that are not there.")
    return files


def _one_file(path: Path) -> dict[str, Tensor]:
    try:
        if path.suffix == ".safetensors":
            tensors = safetensors.torch.load_file(path)
        else:
            tensors = torch.load(path, map_location="cpu", weights_only=True)
    except (OSError, RuntimeError, EOFError, ValueError, pickle.UnpicklingError, SafetensorError) as error:
        raise TrainError(f"The weights in {path.name} cannot be read.") from error
    if not isinstance(tensors, dict) or not all(isinstance(t, Tensor) for t in tensors.values()):
        raise TrainError(f"{path.name} holds something other than weights by name.")
    return tensors


def _json(path: Path) -> dict[str, Any]:
    try:
        data = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise TrainError(f"{path.parent.name} has no {path.name} that can be read.") from error
    if not isinstance(data, dict):
        raise TrainError(f"{path.name} in {path.parent.name} is no JSON object.")
    return data


def _are_numbers(values: object) -> bool:
    return (
        isinstance(values, list | tuple)
        and all(isinstance(v, int | float) for v in values)
        and len(values) > 0
    )
