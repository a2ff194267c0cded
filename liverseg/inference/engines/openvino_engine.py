"""TorchScript through OpenVINO on the CPU: the same archive and answer, in a fraction of the time.

What OpenVINO compiled is kept (`compiled_cache`): with it, a start needs neither torch nor the conversion.
A network for slices is compiled twice, for 512 × 512 and for any size. Where every size is known, OpenVINO
sees that a transformer's tokens lie in memory as its grids do and does not copy them: 1.5 times as fast.

One slice is shared among all threads; of many, each thread runs one of its own (`run_each`), which waits for
no other thread within a slice and does not change a bit of the answer.
"""

from __future__ import annotations

import hashlib
import io
import logging
import sys
import threading
from collections import deque
from collections.abc import Iterable, Iterator
from itertools import chain

import numpy as np

# OpenVINO's converter reports its use over the network unless a consent file says no. A module that
# is None fails to import, and the converter then takes its own stub, which sends nothing.
sys.modules["openvino_telemetry"] = None  # type: ignore[assignment]

import openvino  # noqa: E402

from liverseg.core.cpu import shares_processors, usable_processors  # noqa: E402
from liverseg.errors import CheckpointRefused  # noqa: E402
from liverseg.inference.engines import precision  # noqa: E402
from liverseg.inference.engines.compiled_cache import CompiledCache, cache_key, processor_identity  # noqa: E402

_CACHE_VERSION = 3
"""How an archive is compiled here; to be counted up when that changes, for the cache to be made anew."""

STANDARD_SIDE_PX = 512
"""Rows and columns of a CT slice, almost always."""

MAX_PARALLEL_SLICES = 4
"""Slices that are run at the same time: each takes memory of its own."""

_HINTS = {precision.FLOAT32: "f32", precision.BFLOAT16: "bf16"}
_log = logging.getLogger(__name__)

InputShape = tuple[int, ...]
"""Of the input; -1 for a side that may be any."""


class OpenVINOEngine:
    """See `engines.Engine`. Of slices, batch, height and width stay free; patches have one size."""

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
        self._archive = archive
        self._cache = cache or CompiledCache.usual()
        self._core = openvino.Core()
        self._usual: InputShape = (
            (1, 1, *patch) if patch else (1, context_slices, STANDARD_SIDE_PX, STANDARD_SIDE_PX)
        )
        self._any: InputShape = self._usual if patch else (-1, context_slices, -1, -1)
        self._sha256 = hashlib.sha256(archive).hexdigest()
        self._requests: dict[InputShape, openvino.InferRequest] = {}
        self._lock = threading.Lock()  # a request serves one caller at a time
        self._several: openvino.CompiledModel | None = None
        self._used = self._open(self._usual)
        self.name = f"openvino {openvino.__version__.split('-')[0]} {self._used}, cpu"

    def run(self, hu: np.ndarray) -> np.ndarray:
        """(N, C, H, W) float32 HU to (N, K, H, W) float32 probabilities; of a patch (1, 1, D, H, W)."""
        shape = self._usual if hu.shape == self._usual else self._any
        with self._lock:
            if shape not in self._requests:
                self._open(shape)
            result = self._requests[shape].infer([np.ascontiguousarray(hu, np.float32)])
            return result[0].copy()  # the request reuses its output

    def run_each(self, slices: Iterable[np.ndarray]) -> Iterator[np.ndarray]:
        """What `run` gives of each, in their order; some are taken from `slices` ahead and run meanwhile."""
        slices = iter(slices)
        first = next(slices, None)
        if first is None:
            return
        free = self._requests_at_once() if first.shape == self._usual else []
        if not free:
            yield from map(self.run, chain([first], slices))
            return
        busy: deque[openvino.InferRequest] = deque()
        try:
            for hu in chain([first], slices):
                done = None if free else _finish(busy, free)
                request = free.pop()
                request.start_async([np.ascontiguousarray(hu, np.float32)])
                busy.append(request)
                if done is not None:
                    yield done
            while busy:
                yield _finish(busy, free)
        finally:
            for request in busy:  # the caller has had enough
                request.cancel()

    def _requests_at_once(self) -> list[openvino.InferRequest]:
        """Requests that are served at the same time; none where there is but one thread."""
        count = min(usable_processors(), MAX_PARALLEL_SLICES)
        if count == 1:
            return []
        with self._lock:
            if self._several is None:
                self._several = self._compiled_for(count)
            if self._several is None:
                return []
        return [self._several.create_infer_request() for _ in range(count)]

    def _compiled_for(self, at_once: int) -> openvino.CompiledModel | None:
        """The network for the usual shape, for so many slices at the same time; None where that fails.

        Made of what the cache has, or of what was compiled: OpenVINO writes out what it compiled, but nothing
        that it can read again of what it read itself.
        """
        kept = self._cache.get(self._key(self._usual))
        if kept is None:
            kept = _written(self._requests[self._usual].get_compiled_model(), self._used)
        several, _ = _from_cache(self._core, kept, at_once)
        return several

    def _open(self, shape: InputShape) -> str:
        """Make the request for a shape; returns the precision that it runs in."""
        compiled, used = _from_cache(self._core, self._cache.get(self._key(shape)))
        if compiled is not None:
            self._requests[shape] = compiled.create_infer_request()
            return used
        made, used = _compile(self._core, self._archive, self._any, self._usual)
        for made_shape, compiled in made.items():
            self._requests[made_shape] = compiled.create_infer_request()
            if (written := _written(compiled, used)) is not None:
                self._cache.put(self._key(made_shape), written)
        return used

    def _key(self, shape: InputShape) -> str:
        return cache_key(
            {
                "way": _CACHE_VERSION,
                "archive": self._sha256,
                "openvino": openvino.get_version(),
                "processor": processor_identity(),
                "threads": usable_processors(),
                "shape": list(shape),
            }
        )


def _finish(busy: deque[openvino.InferRequest], free: list[openvino.InferRequest]) -> np.ndarray:
    """The answer of the request that was started first, which is free then."""
    request = busy[0]
    request.wait()
    answer: np.ndarray = request.get_output_tensor(0).data.copy()
    free.append(busy.popleft())
    return answer


def _settings(used: str, at_once: int = 1) -> dict[str, object]:
    """Of a network that is run on so many slices at the same time."""
    return {
        "INFERENCE_PRECISION_HINT": _HINTS[used],  # without it, bf16 wherever the processor has it
        "INFERENCE_NUM_THREADS": usable_processors(),
        "NUM_STREAMS": at_once,
        # Threads are tied to the first processors, so that processes which share a machine would all wait
        # for the same ones; only who has every processor gains by it.
        "ENABLE_CPU_PINNING": not shares_processors(),
    }


def _from_cache(
    core: openvino.Core, kept: bytes | None, at_once: int = 1
) -> tuple[openvino.CompiledModel | None, str]:
    if kept is None:
        return None, ""
    used, _, blob = kept.partition(b"\n")
    try:
        settings = _settings(used.decode(), at_once)
        return core.import_model(io.BytesIO(blob), "CPU", settings), used.decode()
    except (RuntimeError, KeyError, UnicodeDecodeError):
        _log.warning("OpenVINO does not take a compiled network that was kept; the run goes on without it")
        return None, ""


def _written(compiled: openvino.CompiledModel, used: str) -> bytes | None:
    """What the cache keeps of a network; None where OpenVINO cannot write it out."""
    blob = io.BytesIO()
    try:
        compiled.export_model(blob)
    except RuntimeError:
        _log.info("OpenVINO cannot write out what it compiled; it is not kept")
        return None
    return used.encode() + b"\n" + blob.getvalue()


def _compile(
    core: openvino.Core, archive: bytes, any_shape: InputShape, usual: InputShape
) -> tuple[dict[InputShape, openvino.CompiledModel], str]:
    """The archive compiled for each of both shapes, and the precision that it is run in."""
    from liverseg.inference.engines.torch_engine import load_script  # torch is only needed here

    try:
        given = [(openvino.PartialShape(list(any_shape)), openvino.Type.f32)]
        model = openvino.convert_model(load_script(archive), input=given)
        fixed = model.clone()
        fixed.reshape(openvino.PartialShape(list(usual)))
        used = precision.FLOAT32
        made = {usual: core.compile_model(fixed, "CPU", _settings(used))}
        if precision.has_bfloat16() and len(usual) == 4:
            rounded = core.compile_model(fixed, "CPU", _settings(precision.BFLOAT16))
            exact, probe = made[usual], precision.probe(usual[1])
            if precision.keeps_labels(lambda hu: exact([hu])[0], lambda hu: rounded([hu])[0], probe):
                used, made = precision.BFLOAT16, {usual: rounded}
        if any_shape != usual:
            made[any_shape] = core.compile_model(model, "CPU", _settings(used))
    except RuntimeError as error:
        raise CheckpointRefused(
            "OpenVINO cannot convert this checkpoint; run it with the engine torch instead."
        ) from error
    return made, used
