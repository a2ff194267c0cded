"""Reading of a Hugging Face model, its configuration and weights, from a folder or from the Hub."""

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
from registry.hub.errors import translate_hub_errors
from train.errors import TrainError

_SAFE = "model.safetensors"
_PICKLED = "pytorch_model.bin"
_CONFIG, _PREPROCESSOR = "config.json", "preprocessor_config.json"
_CARD = "README.md"
_HUB_NAME = re.compile(r"[\w.-]+(?:/[\w.-]+)?", re.ASCII)

IMAGENET_MEAN, IMAGENET_STD = (0.485, 0.456, 0.406), (0.229, 0.224, 0.225)
"""Mean and standard deviation of red, green, blue in [0, 1]; the default where a model states none."""


@dataclass(frozen=True)
class HuggingFaceModel:
    """Configuration and weights of a model."""

    source: str  # folder or name on the Hub, as the user gave it
    config: dict[str, Any]  # content of config.json
    tensors: dict[str, Tensor]  # by their names in the file
    image_mean: tuple[float, ...]  # mean of the input in [0, 1] that the weights expect, per channel
    image_std: tuple[float, ...]  # its standard deviation


def read_model(source: str | Path) -> HuggingFaceModel:
    """Read a model from a folder written by `save_pretrained`, or by its name on the Hub.

    Raises `TrainError` if there is no model or its files cannot be read, and a `RegistryError` if the Hub
    has no such model or cannot be reached. Pickled weights are read without running their code.
    """
    folder = Path(source).expanduser()
    if not folder.is_dir():
        folder = _from_hub(str(source))
    config = _json(folder / _CONFIG)
    preprocessor = _json(folder / _PREPROCESSOR) if (folder / _PREPROCESSOR).is_file() else {}
    mean = preprocessor.get("image_mean", IMAGENET_MEAN)
    std = preprocessor.get("image_std", IMAGENET_STD)
    if not (_are_numbers(mean) and _are_numbers(std) and min(std) > 0 and len(mean) == len(std)):
        raise TrainError(f"The mean and deviation in the {_PREPROCESSOR} of {source} are not usable numbers.")
    return HuggingFaceModel(str(source), config, _tensors(folder, str(source)), tuple(mean), tuple(std))


def stated_licence(source: str | Path) -> str:
    """The licence in the model card of `source`, as `read_model` takes it; "" where none is stated."""
    import yaml

    folder = Path(source).expanduser()
    if not folder.is_dir():
        folder = _from_hub(str(source))
    try:
        start, front, *_ = (folder / _CARD).read_text(encoding="utf-8").split("---", 2)
        about = {} if start.strip() else yaml.safe_load(front)
    except (OSError, ValueError, yaml.YAMLError):
        return ""
    if not isinstance(about, dict):
        return ""
    licence = str(about.get("license") or "")
    return str(about.get("license_name") or "") if licence == "other" else licence


def _from_hub(name: str) -> Path:
    """The folder of the model in the local cache of the Hub; pickled weights only if there are no others."""
    if not _HUB_NAME.fullmatch(name):
        raise TrainError(f"{name} is neither a folder nor a name on the Hub, such as nvidia/mit-b0.")
    described = [_CONFIG, _PREPROCESSOR, _CARD]
    with translate_hub_errors(name):
        folder = Path(
            api().snapshot_download(name, allow_patterns=[*described, _SAFE, f"{_SAFE}.*", "model-*"])
        )
        if not any((folder / file).is_file() for file in (_SAFE, f"{_SAFE}.index.json")):
            pickled = [*described, _PICKLED, f"{_PICKLED}.*", "pytorch_model-*.bin"]
            folder = Path(api().snapshot_download(name, allow_patterns=pickled))
    return folder


def _tensors(folder: Path, source: str) -> dict[str, Tensor]:
    """All tensors by name, from safetensors files if there are any, else from pickled ones."""
    for file in (_SAFE, _PICKLED):
        if (folder / file).is_file():
            return _load_file(folder / file)
        index = folder / f"{file}.index.json"
        if index.is_file():
            tensors: dict[str, Tensor] = {}
            for shard in sorted(set(_weight_map(index).values())):
                tensors |= _load_file(folder / shard)
            return tensors
    raise TrainError(f"{source} has no weights: neither {_SAFE} nor {_PICKLED}.")


def _weight_map(index: Path) -> dict[str, str]:
    """File by tensor name. Raises `TrainError` for a file outside of the folder or a missing one."""
    files = _json(index).get("weight_map")
    if not isinstance(files, dict) or not all(
        isinstance(file, str) and Path(file).name == file and (index.parent / file).is_file()
        for file in files.values()
    ):
        raise TrainError(f"{index.name} names files that do not exist in its folder.")
    return files


def _load_file(path: Path) -> dict[str, Tensor]:
    """The tensors of one file by name."""
    try:
        if path.suffix == ".safetensors":
            tensors = safetensors.torch.load_file(path)
        else:
            tensors = torch.load(path, map_location="cpu", weights_only=True)
    except (OSError, RuntimeError, EOFError, ValueError, pickle.UnpicklingError, SafetensorError) as error:
        raise TrainError(f"The weights in {path.name} cannot be read.") from error
    if not isinstance(tensors, dict) or not all(isinstance(t, Tensor) for t in tensors.values()):
        raise TrainError(f"{path.name} contains something other than weights by name.")
    return tensors


def _json(path: Path) -> dict[str, Any]:
    """The JSON object in a file."""
    try:
        data = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise TrainError(f"{path.parent.name} has no readable {path.name}.") from error
    if not isinstance(data, dict):
        raise TrainError(f"{path.name} in {path.parent.name} is not a JSON object.")
    return data


def _are_numbers(values: object) -> bool:
    """Whether the value is a list or tuple of at least one number."""
    return (
        isinstance(values, list | tuple)
        and all(isinstance(v, int | float) for v in values)
        and len(values) > 0
    )
