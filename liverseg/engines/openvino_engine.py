"""TorchScript through OpenVINO on the CPU: the same archive and answer, in a fraction of the time.

What OpenVINO compiled is kept (`compiled_cache`): with it, a start needs neither torch nor the conversion.
"""

from __future__ import annotations

import hashlib
import io
import logging
import sys
import threading

import numpy as np

# OpenVINO's converter reports its use over the network unless a consent file says no. A module that
# is None fails to import, and the converter then takes its own stub, which sends nothing.
sys.modules["openvino_telemetry"] = None  # type: ignore[assignment]

import openvino  # noqa: E402

from liverseg.engines import precision  # noqa: E402
from liverseg.engines.compiled_cache import CompiledCache, key_of, processor  # noqa: E402
from liverseg.engines.openvino_layout import tokens_as_grids  # noqa: E402
from liverseg.engines.threads import usable_processors  # noqa: E402
from liverseg.errors import CheckpointRefused  # noqa: E402

_WAY = 1
"""How an archive is compiled here; to be counted up when that changes, for the cache to be made anew."""

_HINTS = {precision.FLOAT32: "f32", precision.BFLOAT16: "bf16"}
_log = logging.getLogger(__name__)


class OpenVINOEngine:
    """See `liverseg.engines.Engine`. Of slices, batch, height and width stay free; patches have one size."""

    def __init__(
        self,
        archive: bytes,
        context_slices: int,
        patch: tuple[int, int, int] | None = None,
        cache: CompiledCache | None = None,
    ) -> None:
        """Compile a verified archive, or take what was compiled from the very same one before.

        `cache` is the usual one if None. Raises `CheckpointRefused` where OpenVINO cannot convert it.
        """
        cache = cache or CompiledCache.usual()
        core = openvino.Core()
        shape = [1, 1, *patch] if patch else [-1, context_slices, -1, -1]
        key = key_of(
            {
                "way": _WAY,
                "archive": hashlib.sha256(archive).hexdigest(),
                "openvino": openvino.get_version(),
                "processor": processor(),
                "threads": usable_processors(),
                "shape": shape,
            }
        )
        compiled, used = _from_cache(core, cache.get(key))
        if compiled is None:
            compiled, used = _compile(core, archive, shape)
            _keep(cache, key, compiled, used)
        self._request = compiled.create_infer_request()
        self._lock = threading.Lock()  # a request serves one caller at a time
        self.name = f"openvino {openvino.__version__.split('-')[0]} {used}, cpu"

    def run(self, hu: np.ndarray) -> np.ndarray:
        """(N, C, H, W) float32 HU to (N, K, H, W) float32 probabilities; of a patch (1, 1, D, H, W)."""
        with self._lock:
            result = self._request.infer([np.ascontiguousarray(hu, np.float32)], share_inputs=True)
            return result[0].copy()  # the request reuses its output


def _settings(used: str) -> dict[str, object]:
    return {
        "INFERENCE_PRECISION_HINT": _HINTS[used],  # without it, bf16 wherever the processor has it
        "INFERENCE_NUM_THREADS": usable_processors(),
        "NUM_STREAMS": 1,
    }


def _from_cache(core: openvino.Core, kept: bytes | None) -> tuple[openvino.CompiledModel | None, str]:
    if kept is None:
        return None, ""
    used, _, blob = kept.partition(b"\n")
    try:
        return core.import_model(io.BytesIO(blob), "CPU", _settings(used.decode())), used.decode()
    except (RuntimeError, KeyError, UnicodeDecodeError):
        _log.warning("OpenVINO does not take a compiled network from the cache; it is made anew")
        return None, ""


def _keep(cache: CompiledCache, key: str, compiled: openvino.CompiledModel, used: str) -> None:
    blob = io.BytesIO()
    try:
        compiled.export_model(blob)
    except RuntimeError:
        _log.info("OpenVINO cannot write out what it compiled; it is not kept")
        return
    cache.put(key, used.encode() + b"\n" + blob.getvalue())


def _compile(core: openvino.Core, archive: bytes, shape: list[int]) -> tuple[openvino.CompiledModel, str]:
    """The compiled archive, and the precision that it is run in."""
    from liverseg.engines.torch_engine import load_script  # torch is only needed here

    try:
        given = [(openvino.PartialShape(shape), openvino.Type.f32)]
        model = openvino.convert_model(load_script(archive), input=given)
        tokens_as_grids(model)
        exact = core.compile_model(model, "CPU", _settings(precision.FLOAT32))
        if precision.has_bfloat16() and len(shape) == 4:
            rounded = core.compile_model(model, "CPU", _settings(precision.BFLOAT16))
            probe = precision.probe(shape[1])
            if precision.keeps_labels(lambda hu: exact([hu])[0], lambda hu: rounded([hu])[0], probe):
                return rounded, precision.BFLOAT16
    except RuntimeError as error:
        raise CheckpointRefused(
            "OpenVINO cannot convert this checkpoint; run it with the engine torch instead."
        ) from error
    return exact, precision.FLOAT32
