"""Running a network for slices on an image: whole slices, the needed ones, or the liver's box."""

from __future__ import annotations

import threading
from collections import OrderedDict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import partial

import numpy as np

from liverseg.core.components import Components
from liverseg.core.image import CTImage
from liverseg.core.slice_skipping import run_needed_slices, sample_step
from liverseg.inference.coarse_to_fine import LiverBox, locate_liver, run_in_box
from liverseg.inference.engines import Engine
from liverseg.inference.prediction import PredictionBuffer
from liverseg.inference.progress import RunMonitor
from liverseg.inference.rules import SearchRule
from registry import InputSpec

MAX_SIZED_NETWORKS = 6
"""Most networks of other working sizes that are held; the least recently used ones are dropped."""


class SizedNetworks:
    """One network at several working sizes. Threads may share an instance."""

    def __init__(self, engine: Engine, spec: InputSpec) -> None:
        self.engine = engine  # at the checkpoint's own working size
        self.spec = spec
        self._resized: OrderedDict[tuple[int, tuple[int, int]], Engine] = OrderedDict()
        self._lock = threading.Lock()

    def at(self, working_size: int, shape: tuple[int, int]) -> Engine:
        """The engine for a working size and slices of the given shape.

        Each is opened once while it is among the `MAX_SIZED_NETWORKS` last used.
        """
        with self._lock:
            key = (working_size, shape)
            if key not in self._resized:
                self._resized[key] = self.engine.resized(working_size, shape)
            self._resized.move_to_end(key)
            while len(self._resized) > MAX_SIZED_NETWORKS:
                self._resized.popitem(last=False)
            return self._resized[key]

    def in_box(self, box: LiverBox, shape: tuple[int, int], scale: float) -> Engine:
        """The engine for a box of slices of the given shape.

        In the box the network has the resolution that it has in a whole slice, times `scale`. A box that is
        the whole slice is run at the checkpoint's own working size.
        """
        if box.shape == shape:
            return self.engine
        size = max(box.shape) * self.spec.working_size * scale / max(shape)
        return self.at(max(32, round(size / 32) * 32), box.shape)


@dataclass(frozen=True)
class SliceRun:
    """One image that is being segmented slice by slice."""

    networks: SizedNetworks
    ct: CTImage
    buffer: PredictionBuffer
    watch: RunMonitor

    def slices(self, wanted: Sequence[int], box: LiverBox | None = None, scale: float = 1.0) -> None:
        """Run the `wanted` slices, each with its neighbours as context, or their part in a box."""
        engine = self.networks.engine
        if box is not None:
            engine = self.networks.in_box(box, self.ct.shape[1:], scale)
        inputs = self._contexts(wanted, box)
        # A single slice is fastest with all threads working on it.
        outputs = engine.run_each(inputs) if len(wanted) > 1 else map(engine.run, inputs)
        place = None if box is None else (box.rows, box.columns)
        for index, (_, liver, tumour) in zip(wanted, self.buffer.timed_each(outputs), strict=True):
            self.buffer.store(index, liver, tumour, place)
            self.watch.done()

    def needed_slices(self, not_run: np.ndarray) -> Components | None:
        """Run the slices that the largest body needs; the others stay True in `not_run` (S,).

        Returns the bodies of the labels where they are known.
        """
        slices = len(self.ct.hu)
        step = sample_step(slices, self.ct.spacing_mm)
        if step == 1:
            self.slices(range(slices))
            return None
        not_run[:] = True
        return run_needed_slices(self.buffer.labels, not_run, step, self.slices)

    def coarse_to_fine(self, rule: SearchRule, not_run: np.ndarray) -> bool:
        """Locate the liver and run its box; slices that were not run become True in `not_run` (S,).

        Returns False, with nothing stored, if the search finds no liver or its box shows none.
        """
        shape = self.ct.shape[1:]
        coarse = self.networks.at(rule.working_size, shape)

        def search(indices: Sequence[int]) -> Iterator[np.ndarray]:
            outputs = coarse.run_each(self._contexts(indices))
            return (output[1] + output[2] for output in self.buffer.timed_each(outputs))

        location = locate_liver(search, rule, self.ct.shape, self.ct.spacing_mm)
        if location is None:
            return False
        not_run[:] = True
        run_in_box(self.buffer.labels, not_run, location, partial(self.slices, scale=rule.scale))
        if not self.buffer.labels.any():
            self.buffer.clear(~not_run)
            not_run[:] = False
            return False
        return True

    def _contexts(self, wanted: Sequence[int], box: LiverBox | None = None) -> Iterator[np.ndarray]:
        """The network input (1, C, H, W) of each of the `wanted` slices, or the part of it in a box."""
        reach = self.networks.spec.context_slices // 2
        for index in wanted:
            self.watch.check()
            context = np.clip(np.arange(index - reach, index + reach + 1), 0, len(self.ct.hu) - 1)
            hu = self.ct.hu[context][None]
            yield hu if box is None else hu[..., box.rows, box.columns]
