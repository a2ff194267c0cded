"""The torch engine: runs a TorchScript archive on the CPU or, if torch finds one, on a GPU."""

from __future__ import annotations

import io
import warnings
from collections.abc import Iterable, Iterator

import numpy as np
import torch

from liverseg.core.cpu import usable_processors
from liverseg.errors import CheckpointRefused
from liverseg.inference.engines import precision


def load_script(
    archive: bytes, device: str = "cpu", working_size: int | None = None
) -> torch.jit.ScriptModule:
    """Load a verified TorchScript archive, with another working size unless it is None.

    Raises `CheckpointRefused` when it does not open or its working size cannot be set.
    """
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", message=".*torch.jit.*deprecated.*", category=DeprecationWarning)
        try:
            module = torch.jit.load(io.BytesIO(archive), map_location=device).eval()
        except RuntimeError as error:
            raise CheckpointRefused(
                "The archive of the checkpoint does not open with this version of torch; "
                "its manifest names the version that wrote it."
            ) from error
    if working_size is not None:
        if not isinstance(getattr(module, "working_size", None), int):
            raise CheckpointRefused("The working size of this checkpoint cannot be changed.")
        module.working_size = working_size
    return module


def device_has_bfloat16(device: str) -> bool:
    """Whether the device ("cpu" or "cuda") has bfloat16 instructions."""
    if device == "cuda":
        return bool(torch.cuda.is_bf16_supported(including_emulation=False))
    return precision.cpu_has_bfloat16()


class TorchEngine:
    """An `engines.Engine`."""

    def __init__(
        self,
        archive: bytes,
        context_slices: int | None = None,
        device: str | None = None,
        working_size: int | None = None,
    ) -> None:
        """Load a verified archive. The default `device` is a GPU if torch finds one, otherwise the CPU.

        `working_size` replaces that of a network for slices.

        With `context_slices`, the network takes slices. It then runs in bfloat16 if the device supports it
        and the labels of a probe stay the same (`engines.precision`).
        """
        torch.set_num_threads(usable_processors())
        self._device = device or ("cuda" if torch.cuda.is_available() else "cpu")
        self._archive, self._context_slices = archive, context_slices
        self._module = load_script(archive, self._device, working_size)
        self._precision = precision.FLOAT32
        if context_slices and device_has_bfloat16(self._device) and self._keeps_labels(context_slices):
            self._precision = precision.BFLOAT16
        self.name = f"torch {torch.__version__.split('+')[0]} {self._precision}, {self._device}"

    def run(self, hu: np.ndarray) -> np.ndarray:
        """(N, C, H, W) float32 HU to (N, K, H, W) float32 probabilities; (N, 1, D, H, W) for volumes."""
        return self._run(hu, self._precision)

    def run_each(self, slices: Iterable[np.ndarray]) -> Iterator[np.ndarray]:
        """The results of `run`, one after the other."""
        return map(self.run, slices)

    def resized(self, working_size: int, shape: tuple[int, int]) -> TorchEngine:
        """The same network with another working size; the shape of the slices does not matter."""
        return TorchEngine(self._archive, self._context_slices, self._device, working_size)

    def _run(self, hu: np.ndarray, used_precision: str) -> np.ndarray:
        autocast = torch.autocast(
            self._device,
            dtype=torch.bfloat16,
            enabled=used_precision == precision.BFLOAT16,
            cache_enabled=False,
        )
        with torch.inference_mode(), autocast:
            tensor = torch.from_numpy(np.ascontiguousarray(hu)).to(self._device)
            probabilities: np.ndarray = self._module(tensor).float().cpu().numpy()
            return probabilities

    def _keeps_labels(self, context_slices: int) -> bool:
        return precision.keeps_labels(
            lambda hu: self._run(hu, precision.FLOAT32),
            lambda hu: self._run(hu, precision.BFLOAT16),
            precision.probe(context_slices),
        )
