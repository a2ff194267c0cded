"""What a network says of a volume, slice by slice: its probabilities as they are stored, its time (pure)."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator

import numpy as np

from liverseg.core.float16 import store_sum
from liverseg.core.labels import labels_from_probabilities
from liverseg.core.segmentation import probability_type

NetworkRun = Callable[[np.ndarray], np.ndarray]
"""`Engine.run`."""


class PredictionBuffer:
    """Probabilities and labels (S, H, W), empty at first."""

    def __init__(self, shape: tuple[int, int, int], threshold: float) -> None:
        kind = probability_type(shape[0])
        self.organ, self.tumour = np.zeros(shape, kind), np.zeros(shape, kind)
        self.labels = np.zeros(shape, np.uint8)
        self.network_s = 0.0
        self._threshold = threshold

    def timed(self, run: NetworkRun) -> NetworkRun:
        """An engine's `run` whose time is added to `network_s`."""

        def run_and_note(hu: np.ndarray) -> np.ndarray:
            started = time.perf_counter()
            probabilities = run(hu)
            self.network_s += time.perf_counter() - started
            return probabilities

        return run_and_note

    def timed_each(self, probabilities: Iterator[np.ndarray]) -> Iterator[np.ndarray]:
        """The first of each batch; the time that is waited for it is added to `network_s`."""
        while True:
            started = time.perf_counter()
            batch = next(probabilities, None)
            self.network_s += time.perf_counter() - started
            if batch is None:
                return
            yield batch[0]

    def put(self, index: int, liver: np.ndarray, tumour: np.ndarray) -> None:
        """Probabilities (H, W) of one slice; labels follow from them as they are stored."""
        store_sum(self.tumour[index], tumour)
        store_sum(self.organ[index], liver, tumour)
        self.labels[index] = labels_from_probabilities(self.organ[index], self.tumour[index], self._threshold)
