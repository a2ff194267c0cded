"""Prediction buffer: the probabilities and labels of an image, filled slice by slice (pure)."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator

import numpy as np

from liverseg.core.float16 import store_sum
from liverseg.core.labels import labels_from_probabilities
from liverseg.core.segmentation import probability_type

NetworkRun = Callable[[np.ndarray], np.ndarray]
"""The method `run` of an engine."""


class PredictionBuffer:
    """Probabilities and labels (S, H, W), initially 0, and the network time `network_s` in seconds."""

    def __init__(self, shape: tuple[int, int, int], threshold: float) -> None:
        dtype = probability_type(shape[0])
        self.organ, self.tumour = np.zeros(shape, dtype), np.zeros(shape, dtype)
        self.labels = np.zeros(shape, np.uint8)
        self.network_s = 0.0
        self._threshold = threshold

    def timed(self, run: NetworkRun) -> NetworkRun:
        """Wrap the `run` of an engine so that its time is added to `network_s`."""

        def timed_run(hu: np.ndarray) -> np.ndarray:
            started = time.perf_counter()
            probabilities = run(hu)
            self.network_s += time.perf_counter() - started
            return probabilities

        return timed_run

    def timed_each(self, batches: Iterator[np.ndarray]) -> Iterator[np.ndarray]:
        """Yield the first element of each batch and add the waiting time to `network_s`."""
        while True:
            started = time.perf_counter()
            batch = next(batches, None)
            self.network_s += time.perf_counter() - started
            if batch is None:
                return
            yield batch[0]

    def store(
        self, index: int, liver: np.ndarray, tumour: np.ndarray, box: tuple[slice, slice] | None = None
    ) -> None:
        """Store the probabilities (H, W) of one slice, or those within a box of rows and columns.

        The labels follow from the stored, rounded values.
        """
        if box is None:
            store_sum(self.tumour[index], tumour)
            store_sum(self.organ[index], liver, tumour)
            planes = self.organ[index], self.tumour[index]
        else:
            planes = np.empty(tumour.shape, self.organ.dtype), np.empty(tumour.shape, self.tumour.dtype)
            store_sum(planes[1], tumour)
            store_sum(planes[0], liver, tumour)
            self.organ[index][box], self.tumour[index][box] = planes
        labels = labels_from_probabilities(*planes, self._threshold)
        self.labels[index][slice(None) if box is None else box] = labels

    def clear(self, slices: np.ndarray) -> None:
        """Set probabilities and labels of the slices that are True in `slices` (S,) to 0."""
        for index in np.flatnonzero(slices):
            self.organ[index] = self.tumour[index] = self.labels[index] = 0

    def relabel(self) -> None:
        """Label every slice anew from the stored probabilities."""
        for index, planes in enumerate(zip(self.organ, self.tumour, strict=True)):
            self.labels[index] = labels_from_probabilities(*planes, self._threshold)
