"""Network architectures by name. A new one is registered here; fit, export and the tests then know it."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from torch import nn

from train.errors import TrainError
from train.models.nnformer import NNFORMER_CONFIGS, NnFormer
from train.models.segformer import SEGFORMER_CONFIGS, SegFormer

_FAMILIES: tuple[tuple[dict, type[nn.Module], tuple[str, ...]], ...] = (
    (SEGFORMER_CONFIGS, SegFormer, ("decoder_width", "depths", "drop_path", "dropout")),
    (NNFORMER_CONFIGS, NnFormer, ("embedding", "depths", "deep_supervision", "drop_path")),
)
"""For each family: its configurations by name, the network class, and the options of `build`."""


def names() -> list[str]:
    """The names of all architectures that `build` knows, sorted."""
    return sorted(name for configs, _, _ in _FAMILIES for name in configs)


def options_of(name: str) -> tuple[str, ...]:
    """The names of the options of `build` for an architecture; raises `TrainError` for an unknown one."""
    return _family(name)[2]


def build(name: str, classes: int = 3, channels: int = 3, **options: Any) -> nn.Module:
    """A freshly initialised network that maps pictures to logits of `classes` classes.

    Its input is (N, channels, H, W), or (N, channels, D, H, W) for `nnformer-3d`. The logits of SegFormer
    have a quarter of the input's height and width, those of nnFormer the full size.

    Options replace the published values; None means not given.

    - SegFormer: `decoder_width`, `depths` (blocks of the four stages), `drop_path` (rate of stochastic
      depth), `dropout` (rate before the classifier).
    - nnFormer: `embedding` (width of the first stage), `depths`, `deep_supervision`, `drop_path`. With
      deep supervision, the network returns in training mode a tuple of logits at the full, half and
      quarter size.

    Every network has a method `for_inference()`: it returns a copy in evaluation mode whose forward
    returns a single tensor. Raises `TrainError` for a name that is not in `names()`, for an unknown
    option, and for impossible values.
    """
    configs, network_class, known = _family(name)
    given = {option: value for option, value in options.items() if value is not None}
    unknown = sorted(set(given) - set(known))
    if unknown:
        raise TrainError(f"{name} has no option {', '.join(unknown)}; it has {', '.join(known)}.")
    return network_class(replace(configs[name], **given), channels=channels, classes=classes)


def _family(name: str) -> tuple[dict, type[nn.Module], tuple[str, ...]]:
    """The configurations, network class and options of the family that the architecture belongs to."""
    family = next((family for family in _FAMILIES if name in family[0]), None)
    if family is None:
        raise TrainError(f"There is no architecture {name!r}; there are {', '.join(names())}.")
    return family
