"""TorchScript through OpenVINO on the CPU: the same archive and answer, in a fraction of the time."""

from __future__ import annotations

import sys
import threading

import numpy as np

# OpenVINO's converter reports its use over the network unless a consent file says no. A module that
# is None fails to import, and the converter then takes its own stub, which sends nothing.
sys.modules["openvino_telemetry"] = None  # type: ignore[assignment]

import openvino  # noqa: E402

from liverseg.engines.threads import usable_processors  # noqa: E402
from liverseg.engines.torch_engine import load_script  # noqa: E402
from liverseg.errors import CheckpointRefused  # noqa: E402


class OpenVINOEngine:
    """See `liverseg.engines.Engine`. Of slices, batch, height and width stay free; patches have one size."""

    def __init__(
        self, archive: bytes, context_slices: int, patch: tuple[int, int, int] | None = None
    ) -> None:
        shape = openvino.PartialShape([1, 1, *patch] if patch else [-1, context_slices, -1, -1])
        try:
            model = openvino.convert_model(load_script(archive), input=[(shape, openvino.Type.f32)])
            compiled = openvino.Core().compile_model(
                model,
                "CPU",
                {
                    "INFERENCE_PRECISION_HINT": "f32",  # the default is bf16 where the processor has it
                    "INFERENCE_NUM_THREADS": usable_processors(),
                    "NUM_STREAMS": 1,
                },
            )
        except RuntimeError as error:
            raise CheckpointRefused(
                "OpenVINO cannot convert this checkpoint; run it with the engine torch instead."
            ) from error
        self._request = compiled.create_infer_request()
        self._lock = threading.Lock()  # a request serves one caller at a time
        self.name = f"openvino {openvino.__version__.split('-')[0]} float32, cpu"

    def run(self, hu: np.ndarray) -> np.ndarray:
        """(N, C, H, W) float32 HU to (N, K, H, W) float32 probabilities; of a patch (1, 1, D, H, W)."""
        with self._lock:
            result = self._request.infer([np.ascontiguousarray(hu, np.float32)])
            return result[0].copy()  # the request reuses its output
