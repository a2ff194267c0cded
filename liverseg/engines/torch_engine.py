"""TorchScript through torch, on the CPU or, where torch sees one, a GPU."""

from __future__ import annotations

import io
import warnings

import numpy as np
import torch

from liverseg.engines.threads import usable_processors
from liverseg.errors import CheckpointRefused


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


class TorchEngine:
    """See `liverseg.engines.Engine`."""

    def __init__(self, archive: bytes) -> None:
        torch.set_num_threads(usable_processors())
        self._device = "cuda" if torch.cuda.is_available() else "cpu"
        self._module = load_script(archive, self._device)
        self.name = f"torch {torch.__version__.split('+')[0]} float32, {self._device}"

    def run(self, hu: np.ndarray) -> np.ndarray:
        """(N, C, H, W) float32 HU to (N, K, H, W) float32 probabilities; of a volume (N, 1, D, H, W)."""
        with torch.inference_mode():
            return self._module(torch.from_numpy(np.ascontiguousarray(hu)).to(self._device)).cpu().numpy()
