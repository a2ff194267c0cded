"""TorchScript through torch, on the CPU or, where torch sees one, a GPU."""

from __future__ import annotations

import io
import warnings
from collections.abc import Iterable, Iterator

import numpy as np
import torch

from liverseg.core.cpu import usable_processors
from liverseg.errors import CheckpointRefused
from liverseg.inference.engines import precision


def load_script(archive: bytes, device: str = "cpu") -> torch.jit.ScriptModule:
    """The module in a verified TorchScript archive. Raises `CheckpointRefused` when it does not open."""
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", message=".*torch.jit.*deprecated.*", category=DeprecationWarning)
        try:
            return torch.jit.load(io.BytesIO(archive), map_location=device).eval()
        except RuntimeError as error:
            raise CheckpointRefused(
                "The checkpoint's archive does not open with this version of torch; "
                "its manifest names the version it was made with."
            ) from error


def device_has_bfloat16(device: str) -> bool:
    """Whether the device multiplies in bfloat16 itself."""
    if device == "cuda":
        return torch.cuda.is_bf16_supported(including_emulation=False)
    return precision.has_bfloat16()


class TorchEngine:
    """See `liverseg.inference.engines.Engine`."""

    def __init__(self, archive: bytes, context_slices: int | None = None, device: str | None = None) -> None:
        """Open a verified archive. `device` is a GPU where torch sees one, unless it is named.

        With `context_slices`, the network takes slices and is run in bfloat16 where the device has it and
        the labels of a probe are those of float32 (`liverseg.inference.engines.precision`).
        """
        torch.set_num_threads(usable_processors())
        self._device = device or ("cuda" if torch.cuda.is_available() else "cpu")
        self._module = load_script(archive, self._device)
        self._precision = precision.FLOAT32
        if context_slices and device_has_bfloat16(self._device) and self._keeps_labels(context_slices):
            self._precision = precision.BFLOAT16
        self.name = f"torch {torch.__version__.split('+')[0]} {self._precision}, {self._device}"

    def run(self, hu: np.ndarray) -> np.ndarray:
        """(N, C, H, W) float32 HU to (N, K, H, W) float32 probabilities; of a volume (N, 1, D, H, W)."""
        return self._run(hu, self._precision)

    def run_each(self, slices: Iterable[np.ndarray]) -> Iterator[np.ndarray]:
        """What `run` gives of each, one after the other."""
        return map(self.run, slices)

    def _run(self, hu: np.ndarray, used: str) -> np.ndarray:
        rounding = torch.autocast(
            self._device, dtype=torch.bfloat16, enabled=used == precision.BFLOAT16, cache_enabled=False
        )
        with torch.inference_mode(), rounding:
            given = torch.from_numpy(np.ascontiguousarray(hu)).to(self._device)
            return self._module(given).float().cpu().numpy()

    def _keeps_labels(self, context_slices: int) -> bool:
        return precision.keeps_labels(
            lambda hu: self._run(hu, precision.FLOAT32),
            lambda hu: self._run(hu, precision.BFLOAT16),
            precision.probe(context_slices),
        )
