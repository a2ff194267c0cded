"""Architectures by name. Adding one here is all that fit, export and the tests need."""

from __future__ import annotations

from dataclasses import replace

from torch import nn

from train.architectures.segformer import CONFIGS, SegFormer
from train.errors import TrainError


def names() -> list[str]:
    """Every architecture that `build` knows."""
    return sorted(CONFIGS)


def build(name: str, classes: int = 3, decoder_width: int | None = None) -> nn.Module:
    """A freshly initialised network, (N, 3, H, W) to logits (N, classes, H / 4, W / 4).

    `decoder_width` replaces the published width of the decode head. Raises `TrainError` for a
    name that is not in `names()`.
    """
    if name not in CONFIGS:
        raise TrainError(f"There is no architecture {name!r}; there are {', '.join(names())}.")
    config = CONFIGS[name]
    if decoder_width is not None:
        config = replace(config, decoder_width=decoder_width)
    return SegFormer(config, channels=3, classes=classes)
