"""Engines run the TorchScript archive of a checkpoint: `torch` everywhere, `openvino` faster on a CPU.

Both take the bytes that the registry has verified, so that exactly the verified archive runs.
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

    name: str  # engine, version and precision, as in the report

    def run(self, hu: np.ndarray) -> np.ndarray:
        """(N, C, H, W) float32 HU to (N, K, H, W) float32 probabilities; (N, 1, D, H, W) for volumes."""
        ...

    def run_each(self, slices: Iterable[np.ndarray]) -> Iterator[np.ndarray]:
        """The results of `run` for arrays of the same shape, in order.

        Several arrays may run in parallel, so the iterator reads ahead in `slices`.
        """
        ...

    def resized(self, working_size: int, shape: tuple[int, int]) -> Engine:
        """The same network for slices with another working size, fastest for slices of the given shape.

        Raises `CheckpointRefused` when the archive does not allow another working size.
        """
        ...


def load(
    archive: bytes, context_slices: int, name: str = "auto", patch: tuple[int, int, int] | None = None
) -> Engine:
    """Open a verified TorchScript archive with the named engine.

    `patch` is the input of a network for volumes in voxels, None for a network for slices. "auto" is
    OpenVINO if it is installed, otherwise torch. Raises `EngineUnavailable` for an unknown engine or one
    that is not installed, and `CheckpointRefused` when the archive does not open.
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
