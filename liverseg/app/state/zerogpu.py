"""The network on a ZeroGPU Space: a worker process has a GPU for the time of one call.

`spaces.GPU` forks a worker, sends it the pickled arguments of the decorated function and sends back what it
yields; the process that serves the page never touches CUDA. So only the identity of the checkpoint and arrays
are sent; the worker verifies and opens the checkpoint itself, and keeps it. Outside ZeroGPU the decorator is
not applied and the package `spaces` is not imported.
"""

from __future__ import annotations

import functools
import importlib
import importlib.util
import os
import queue
import threading
from collections.abc import Callable, Iterator
from typing import Any

from liverseg.core.image import CTImage
from liverseg.core.segmentation import Segmentation
from liverseg.errors import CheckpointRefused, EngineUnavailable, LiversegError
from liverseg.inference.progress import ProgressCallback, RunMonitor, StopSignal
from liverseg.inference.segmenter import Segmenter
from registry import Checkpoint, RegistryError
from registry.text import one_line

SPACE_VARIABLE = "SPACES_ZERO_GPU"
"""Environment variable that the Hub sets on a ZeroGPU Space."""

START_S, SLICE_S, MOST_S = 15.0, 0.25, 120.0
"""Seconds of GPU time requested: for the start, for each slice, and at most. Smaller requests wait less."""

MAX_LOADED_ON_GPU = 3
"""Checkpoints that a worker keeps on the GPU."""

Step = tuple[int, int] | Segmentation | LiversegError
"""Yielded by a call: slices done and their total, repeatedly, then the result or the refusal."""


def is_here() -> bool:
    """Whether this is a ZeroGPU Space and its package is installed."""
    if os.environ.get(SPACE_VARIABLE, "").lower() not in ("1", "t", "true"):
        return False
    return importlib.util.find_spec("spaces") is not None


def seconds(checkpoint: Checkpoint, ct: CTImage, settings: dict[str, Any]) -> float:
    """Seconds of GPU time requested for a call of `run` with the same arguments."""
    count = 1 if settings.get("only_slice") is not None else len(ct.hu)
    return min(START_S + SLICE_S * count, MOST_S)


def run(checkpoint: Checkpoint, ct: CTImage, settings: dict[str, Any]) -> Iterator[Step]:
    """`Segmenter.segment` in steps.

    A refusal is yielded, since only the class of a raised error would arrive.
    """
    steps: queue.SimpleQueue[Step | BaseException] = queue.SimpleQueue()
    caller_gone = threading.Event()

    def report(done: int, count: int) -> None:
        if caller_gone.is_set():
            raise EngineUnavailable("The caller no longer waits for the result.")
        steps.put((done, count))

    def work() -> None:
        try:
            steps.put(_on_gpu(checkpoint).segment(ct, progress=report, **settings))
        except BaseException as error:  # raised again in the waiting thread, except refusals
            steps.put(error)

    threading.Thread(target=work, daemon=True).start()
    try:
        step: Step | BaseException = (0, 0)
        while isinstance(step, tuple):
            step = steps.get()
            if isinstance(step, BaseException) and not isinstance(step, LiversegError):
                raise step
            yield step
    finally:
        caller_gone.set()


_opened: dict[tuple[str, str], Segmenter] = {}  # in the worker: by reference and sha256


def _on_gpu(checkpoint: Checkpoint) -> Segmenter:
    key = (checkpoint.ref, checkpoint.sha256)
    if key not in _opened:
        while len(_opened) >= MAX_LOADED_ON_GPU:
            del _opened[next(iter(_opened))]
        _opened[key] = Segmenter.from_checkpoint(checkpoint, engine="torch")  # on CUDA where there is one
    return _opened[key]


def decorated(function: Callable[..., Iterator[Step]]) -> Callable[..., Iterator[Step]]:
    """The function wrapped in `spaces.GPU` on a ZeroGPU Space, unchanged elsewhere."""
    if not is_here():
        return function
    return importlib.import_module("spaces").GPU(duration=seconds)(function)


run_with_gpu = decorated(run)  # at import: a Space that decorates nothing by then gets no GPU


class GPUSegmenter(Segmenter):
    """A checkpoint that this process verifies and a worker with a GPU runs."""

    @classmethod
    def from_checkpoint(cls, checkpoint: Checkpoint, *, engine: str = "auto") -> Segmenter:
        """Verify a checkpoint; no engine is loaded here. Raises `CheckpointRefused`."""
        try:
            checkpoint.read_model()
        except RegistryError as error:
            raise CheckpointRefused(str(error)) from error
        return cls(checkpoint, _RemoteEngine())

    @functools.wraps(Segmenter.segment)
    def segment(
        self,
        ct: CTImage,
        *,
        progress: ProgressCallback | None = None,
        cancelled: StopSignal | None = None,
        **settings: Any,
    ) -> Segmentation:
        last: Step | None = None
        watch = RunMonitor(
            len(ct.hu), None, cancelled
        )  # here: the worker would get a copy of the stop signal
        for last in _translated(
            run_with_gpu(self.checkpoint, ct, settings)
        ):  # read to the end, so that the GPU is given back
            watch.check()
            if progress and isinstance(last, tuple):
                progress(*last)
        if isinstance(last, LiversegError):
            raise last
        if not isinstance(last, Segmentation):
            raise EngineUnavailable("The GPU was withdrawn before the result was ready; try again.")
        return last


class _RemoteEngine:
    """The `Engine` of a checkpoint that only a worker can run."""

    name = "torch, ZeroGPU"

    def run(self, hu: Any) -> Any:
        raise EngineUnavailable("On a ZeroGPU Space the network runs as a whole, not batch by batch.")

    run_each = run


def _translated(steps: Iterator[Step]) -> Iterator[Step]:
    """The steps, with errors of `spaces` (queue, quota, lost worker) as refusals that can be shown."""
    import gradio as gr

    try:
        yield from steps
    except gr.Error as error:
        raise EngineUnavailable(f"ZeroGPU has no GPU for this now: {one_line(error.message, 300)}") from None
