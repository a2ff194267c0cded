"""Architectures by name. Adding one here is all that fit, export and the tests need."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from torch import nn

from train.errors import TrainError
from train.models import nnformer, segformer

_FAMILIES: tuple[tuple[dict, type[nn.Module], tuple[str, ...]], ...] = (
    (segformer.SEGFORMER_CONFIGS, segformer.SegFormer, ("decoder_width", "depths", "drop_path", "dropout")),
    (nnformer.NNFORMER_CONFIGS, nnformer.NnFormer, ("embedding", "depths", "deep_supervision", "drop_path")),
)
"""Published configurations by name, the network they configure, the options that may be changed."""


def names() -> list[str]:
    """Every architecture that `build` knows."""
    return sorted(name for configs, _, _ in _FAMILIES for name in configs)


def build(name: str, classes: int = 3, channels: int = 3, **options: Any) -> nn.Module:
    """A freshly initialised network: (N, channels, H, W), or (N, channels, D, H, W) for `nnformer-3d`,
    to logits of `classes` classes, SegFormer's at a quarter of the size, nnFormer's at the full one.

    Options replace what the architecture publishes; one that is None counts as not given.

    - SegFormer: `decoder_width`, `depths` (blocks of the four stages), `drop_path` (stochastic depth),
      `dropout` (before the classifier).
    - nnFormer: `embedding` (width of the first stage), `depths`, `deep_supervision`, `drop_path`.
      With deep supervision the network gives in training mode a tuple of logits, the finest first,
      at the full, half and quarter size.

    Every network has `for_inference()`, a copy in evaluation mode whose forward gives one tensor.
    Raises `TrainError` for a name that is not in `names()` and for options that it does not have.
    """
    family = next((family for family in _FAMILIES if name in family[0]), None)
    if family is None:
        raise TrainError(f"There is no architecture {name!r}; there are {', '.join(names())}.")
    configs, network, known = family
    given = {option: value for option, value in options.items() if value is not None}
    unknown = sorted(set(given) - set(known))
    if unknown:
        raise TrainError(f"{name} has no option {', '.join(unknown)}; it has {', '.join(known)}.")
    return network(replace(configs[name], **given), channels=channels, classes=classes)
