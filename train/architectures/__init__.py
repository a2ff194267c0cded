"""Architectures by name. Adding one here is all that fit, export and the tests need."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from torch import nn

from train.architectures.segformer import CONFIGS, SegFormer
from train.errors import TrainError

_OPTIONS = ("decoder_width", "drop_path", "dropout")


def names() -> list[str]:
    """Every architecture that `build` knows."""
    return sorted(CONFIGS)


def build(name: str, classes: int = 3, channels: int = 3, **options: Any) -> nn.Module:
    """A freshly initialised network, (N, channels, H, W) to logits (N, classes, H / 4, W / 4).

    Options replace what the architecture publishes: `decoder_width`, `drop_path`, `dropout`. Raises
    `TrainError` for a name that is not in `names()` or an option that it does not have.
    """
    if name not in CONFIGS:
        raise TrainError(f"There is no architecture {name!r}; there are {', '.join(names())}.")
    unknown = sorted(set(options) - set(_OPTIONS))
    if unknown:
        raise TrainError(f"{name} has no option {', '.join(unknown)}; it has {', '.join(_OPTIONS)}.")
    return SegFormer(replace(CONFIGS[name], **options), channels=channels, classes=classes)
