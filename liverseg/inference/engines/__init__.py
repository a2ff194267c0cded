"""Engines run a checkpoint's TorchScript archive: `torch` everywhere, `openvino` faster on a CPU.

Both take the bytes that the registry has verified, so that what runs is what was checked.
"""

from __future__ import annotations

import importlib.util
from collections.abc import Iterable, Iterator
from typing import Protocol

import numpy as np

from liverseg.errors import EngineUnavailable

ENGINE_NAMES = ("auto", "torch", "openvino")


class Engine(Protocol):
    """A loaded network."""

    name: str  # engine, version and precision, as the report quotes it

    def run(self, hu: np.ndarray) -> np.ndarray:
        """(N, C, H, W) float32 HU to (N, K, H, W) float32 probabilities; of a volume (N, 1, D, H, W)."""
        ...

    def run_each(self, slices: Iterable[np.ndarray]) -> Iterator[np.ndarray]:
        """What `run` gives of each of some arrays of one shape, in their order.

        Several may be run at once, so some are taken from `slices` ahead.
        """
        ...


def load(
    archive: bytes, context_slices: int, name: str = "auto", patch: tuple[int, int, int] | None = None
) -> Engine:
    """Open a verified TorchScript archive with the named engine.

    `patch` is what a network for volumes is run with, in voxels; None: it takes slices. `auto` takes
    OpenVINO where it is installed, else torch. Raises `EngineUnavailable` for an unknown engine or one
    that is not installed, `CheckpointRefused` when the archive does not open.
    """
    if name not in ENGINE_NAMES:
        raise EngineUnavailable(f"There is no engine {name!r}; choose one of {', '.join(ENGINE_NAMES)}.")
    installed = importlib.util.find_spec("openvino") is not None
    if name == "openvino" and not installed:
        raise EngineUnavailable(
            "OpenVINO is not installed; install the package openvino or choose the engine torch."
        )
    if name == "torch" or not installed:
        from liverseg.inference.engines.torch_engine import TorchEngine

        return TorchEngine(archive, None if patch else context_slices)
    from liverseg.inference.engines.openvino_engine import OpenVINOEngine

    return OpenVINOEngine(archive, context_slices, patch)
