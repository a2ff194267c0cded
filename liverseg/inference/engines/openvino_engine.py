"""The OpenVINO engine: runs a TorchScript archive on the CPU, faster than torch.

Compiled networks are cached (`compiled_cache`), so that the next start needs neither torch nor the
conversion. A network for slices is compiled twice: for 512 × 512 pixels and for any size. With a fixed
shape OpenVINO knows that the tokens of a transformer and its grids have the same memory layout and avoids
copies: 1.5 times as fast.

All threads work on a single slice. For several slices (`run_each`), each thread runs a slice of its own,
without waiting for other threads within a slice. The result is the same, bit by bit.
"""

from __future__ import annotations

import hashlib
import io
import logging
import sys
import threading
from collections import deque
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from itertools import chain

import numpy as np

# The converter of OpenVINO reports its use over the network unless a consent file forbids it. A module
# that is None fails to import, and the converter then uses its own stub, which sends nothing.
sys.modules["openvino_telemetry"] = None  # type: ignore[assignment]

import openvino  # noqa: E402

from liverseg.core.cpu import shares_processors, usable_processors  # noqa: E402
from liverseg.errors import CheckpointRefused  # noqa: E402
from liverseg.inference.engines import precision  # noqa: E402
from liverseg.inference.engines.compiled_cache import CompiledCache, cache_key, processor_identity  # noqa: E402

_CACHE_VERSION = 3
"""Bump to invalidate cached networks after a change to the way archives are compiled."""

STANDARD_SIDE_PX = 512
"""Rows and columns of almost all CT slices."""

MAX_PARALLEL_SLICES = 4
"""Limit of slices run in parallel, because each needs its own memory."""

_HINTS = {precision.FLOAT32: "f32", precision.BFLOAT16: "bf16"}
_log = logging.getLogger(__name__)

InputShape = tuple[int, ...]
"""Shape of the network input; -1 for a dynamic dimension."""


@dataclass(frozen=True)
class ResizedInput:
    """Another working size of a network for slices, and the shape of the slices it is compiled for."""

    working_size: int  # pixels of the longer side inside the network
    shape: tuple[int, int]  # rows and columns


class OpenVINOEngine:
    """An `engines.Engine`. Slices may have any batch size, height and width; patches have a fixed shape."""

    def __init__(
        self,
        archive: bytes,
        context_slices: int,
        patch: tuple[int, int, int] | None = None,
        cache: CompiledCache | None = None,
        resized: ResizedInput | None = None,
    ) -> None:
        """Compile a verified archive, or load it from `cache` (`CompiledCache.default()` if None).

        `resized` replaces the working size and the standard shape of a network for slices. Raises
        `CheckpointRefused` when OpenVINO cannot convert the archive.
        """
        self._archive = archive
        self._context_slices = context_slices
        self._cache = cache or CompiledCache.default()
        self._core = openvino.Core()
        self._working_size = None if resized is None else resized.working_size
        shape = (STANDARD_SIDE_PX, STANDARD_SIDE_PX) if resized is None else resized.shape
        self._standard: InputShape = (1, 1, *patch) if patch else (1, context_slices, *shape)
        self._dynamic: InputShape = self._standard if patch else (-1, context_slices, -1, -1)
        self._sha256 = hashlib.sha256(archive).hexdigest()
        self._requests: dict[InputShape, openvino.InferRequest] = {}
        self._lock = threading.Lock()  # a request serves one caller at a time
        self._parallel: openvino.CompiledModel | None = None  # for parallel slices, compiled on demand
        self._precision = self._open(self._standard)
        self.name = f"openvino {openvino.__version__.split('-')[0]} {self._precision}, cpu"

    def run(self, hu: np.ndarray) -> np.ndarray:
        """(N, C, H, W) float32 HU to (N, K, H, W) float32 probabilities; (1, 1, D, H, W) for a patch."""
        shape = self._standard if hu.shape == self._standard else self._dynamic
        with self._lock:
            if shape not in self._requests:
                self._open(shape)
            result = self._requests[shape].infer([np.ascontiguousarray(hu, np.float32)])
            probabilities: np.ndarray = result[0].copy()  # the request reuses its output
            return probabilities

    def run_each(self, slices: Iterable[np.ndarray]) -> Iterator[np.ndarray]:
        """The results of `run` in order. Slices of the standard shape run in parallel, read ahead."""
        slices = iter(slices)
        first = next(slices, None)
        if first is None:
            return
        free = self._parallel_requests() if first.shape == self._standard else []
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
            for request in busy:  # the caller stopped early
                request.cancel()

    def _parallel_requests(self) -> list[openvino.InferRequest]:
        """Requests that can run in parallel; empty with only one thread or if OpenVINO refuses."""
        count = min(usable_processors(), MAX_PARALLEL_SLICES)
        if count == 1:
            return []
        with self._lock:
            if self._parallel is None:
                self._parallel = self._compiled_for(count)
            if self._parallel is None:
                return []
        return [self._parallel.create_infer_request() for _ in range(count)]

    def _compiled_for(self, streams: int) -> openvino.CompiledModel | None:
        """The network of the standard shape for `streams` parallel slices; None if that fails.

        It comes from the cache or, without a cache entry, from the network that this process compiled.
        OpenVINO cannot import again what it exports of an imported network.
        """
        exported = self._cache.get(self._key(self._standard))
        if exported is None:
            exported = _export(self._requests[self._standard].get_compiled_model(), self._precision)
        compiled, _ = _import(self._core, exported, streams)
        return compiled

    def _open(self, shape: InputShape) -> str:
        """Create the request for a shape, from the cache or by compiling; return its precision."""
        compiled, used_precision = _import(self._core, self._cache.get(self._key(shape)))
        if compiled is not None:
            self._requests[shape] = compiled.create_infer_request()
            return used_precision
        networks, used_precision = self._compile(shape)
        for network_shape, compiled in networks.items():
            self._requests[network_shape] = compiled.create_infer_request()
            if (exported := _export(compiled, used_precision)) is not None:
                self._cache.put(self._key(network_shape), exported)
        return used_precision

    def resized(self, working_size: int, shape: tuple[int, int]) -> OpenVINOEngine:
        """The same network compiled for another working size and for slices of the given shape."""
        return OpenVINOEngine(
            self._archive,
            self._context_slices,
            cache=self._cache,
            resized=ResizedInput(working_size, shape),
        )

    def _compile(self, shape: InputShape) -> tuple[dict[InputShape, openvino.CompiledModel], str]:
        """The archive compiled for both shapes, and the precision that it runs in.

        With a changed working size, the network for any size is compiled only if `shape` is that.
        """
        from liverseg.inference.engines.torch_engine import load_script  # slow import, needed only here

        core, dynamic, standard = self._core, self._dynamic, self._standard
        script = load_script(self._archive, working_size=self._working_size)
        try:
            inputs = [(openvino.PartialShape(list(dynamic)), openvino.Type.f32)]
            model = openvino.convert_model(script, input=inputs)
            fixed = model.clone()
            fixed.reshape(openvino.PartialShape(list(standard)))
            used_precision = precision.FLOAT32
            networks = {standard: core.compile_model(fixed, "CPU", _settings(used_precision))}
            if precision.cpu_has_bfloat16() and len(standard) == 4:
                rounded = core.compile_model(fixed, "CPU", _settings(precision.BFLOAT16))
                exact, probe = networks[standard], precision.probe(standard[1], standard[2:])
                if precision.keeps_labels(lambda hu: exact([hu])[0], lambda hu: rounded([hu])[0], probe):
                    used_precision, networks = precision.BFLOAT16, {standard: rounded}
            if dynamic != standard and (self._working_size is None or shape == dynamic):
                networks[dynamic] = core.compile_model(model, "CPU", _settings(used_precision))
        except RuntimeError as error:
            raise CheckpointRefused(
                "OpenVINO cannot convert this checkpoint; run it with the engine torch instead."
            ) from error
        return networks, used_precision

    def _key(self, shape: InputShape) -> str:
        resized = {} if self._working_size is None else {"working_size": self._working_size}
        return cache_key(
            {
                **resized,
                "way": _CACHE_VERSION,  # the name is part of the hash: do not change it
                "archive": self._sha256,
                "openvino": openvino.get_version(),
                "processor": processor_identity(),
                "threads": usable_processors(),
                "shape": list(shape),
            }
        )


def _finish(busy: deque[openvino.InferRequest], free: list[openvino.InferRequest]) -> np.ndarray:
    """Wait for the oldest busy request, return its result and free it."""
    request = busy[0]
    request.wait()
    result: np.ndarray = request.get_output_tensor(0).data.copy()
    free.append(busy.popleft())
    return result


def _settings(used_precision: str, streams: int = 1) -> dict[str, object]:
    """The OpenVINO settings of a network that runs `streams` slices in parallel."""
    return {
        "INFERENCE_PRECISION_HINT": _HINTS[used_precision],  # the default is bf16 if the processor has it
        "INFERENCE_NUM_THREADS": usable_processors(),
        "NUM_STREAMS": streams,
        # Pinning ties threads to the first processors. Processes that share a machine would then all use the
        # same ones, so only a process that has every processor benefits.
        "ENABLE_CPU_PINNING": not shares_processors(),
    }


def _import(
    core: openvino.Core, exported: bytes | None, streams: int = 1
) -> tuple[openvino.CompiledModel | None, str]:
    """A network from `_export` and its precision; (None, "") without one or if OpenVINO rejects it."""
    if exported is None:
        return None, ""
    used_precision, _, blob = exported.partition(b"\n")
    try:
        settings = _settings(used_precision.decode(), streams)
        return core.import_model(io.BytesIO(blob), "CPU", settings), used_precision.decode()
    except (RuntimeError, KeyError, UnicodeDecodeError):
        _log.warning("OpenVINO rejects a cached compiled network; the run continues without it.")
        return None, ""


def _export(compiled: openvino.CompiledModel, used_precision: str) -> bytes | None:
    """The precision and the network as bytes for the cache; None if OpenVINO cannot export it."""
    blob = io.BytesIO()
    try:
        compiled.export_model(blob)
    except RuntimeError:
        _log.info("OpenVINO cannot export a compiled network; it is not cached.")
        return None
    return used_precision.encode() + b"\n" + blob.getvalue()
