"""What one visitor is looking at, and how it is drawn (pure: no gradio, no globals)."""

from __future__ import annotations

import logging
import time
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import cv2
import numpy as np

import liverseg
from liverseg.ct import CTImage
from liverseg.errors import InvalidSetting, LiversegError, UnreadableInput
from liverseg.measuring import measure
from liverseg.reading.sniff import HEAD_BYTES, sniff
from liverseg.rendering import DEFAULT_OPACITY, telling_slice, three_pictures
from liverseg.report import Report
from liverseg.segmentation import LIVER, TUMOUR, Segmentation
from liverseg.segmenter import Progress, Segmenter
from liverseg.windowing import DEFAULT_WINDOW, Window

JPEG_QUALITY = 92
"""Of the pictures on the page: encoded in milliseconds, no visible loss. Downloads are lossless."""

CENTER_RANGE_HU = (-1000, 1000)
WIDTH_RANGE_HU = (10, 3000)
"""What the sliders of the display window reach."""

_log = logging.getLogger(__name__)


@dataclass(frozen=True, eq=False)
class Analysis:
    """One input with its result. Never changed, only replaced; lives in one visitor's session."""

    sources: tuple[str, ...]  # paths of the upload, to read it again with another window
    ct: CTImage
    seg: Segmentation
    report: Report
    series: int | None = None  # the one chosen, where the upload holds several

    @property
    def is_picture(self) -> bool:
        """Whether HU were rebuilt from grey, so that the window it was made with matters."""
        return self.ct.assumed_window is not None

    def at_threshold(self, threshold: float) -> Analysis:
        """The same probabilities, labelled and measured at another threshold; no network is run."""
        if threshold == self.seg.threshold:
            return self
        seg = self.seg.at_threshold(threshold)
        return replace(self, seg=seg, report=measure(self.ct, seg))


@dataclass(frozen=True)
class View:
    """How an analysis is drawn."""

    slice_index: int = 0  # from 0
    window: Window = DEFAULT_WINDOW
    opacity: float = DEFAULT_OPACITY


@dataclass(frozen=True)
class SliceCounts:
    """Pixels of one slice of a volume."""

    liver: int
    tumour: int


def belonging(sources: Sequence[str]) -> list[str]:
    """Of several files, those that belong to the newest one: all DICOM files, or it alone.

    The page adds a file to those that are there; a picture or a NIfTI file after another replaces
    it, while the DICOM files of a series are read together.
    """
    if len(sources) < 2 or not _is_dicom(sources[-1]):
        return list(sources[-1:])
    return [source for source in sources if _is_dicom(source)]


def _is_dicom(source: str) -> bool:
    try:
        with open(source, "rb") as stream:
            return sniff(stream.read(HEAD_BYTES)) == "dicom"
    except (OSError, LiversegError):
        return False


def read_input(sources: Sequence[str], made_with: Window, series: int | None = None) -> CTImage:
    """Read an upload: one file, or several that are DICOM, of which `series` names one series.

    Raises a `LiversegError`; `UnreadableInput` too when the upload was deleted in the meantime.
    """
    if not sources:
        raise UnreadableInput("Choose a file first.")
    if not all(Path(source).is_file() for source in sources):
        raise UnreadableInput("The upload was deleted after its time; upload it again.")
    return liverseg.read(sources[0] if len(sources) == 1 else list(sources), made_with, series)


def analyse(
    sources: Sequence[str],
    ct: CTImage,
    segmenter: Segmenter,
    *,
    threshold: float | None = None,
    progress: Progress | None = None,
) -> Analysis:
    """Run the network on a CT image and measure what it found; errors as `Segmenter.segment`."""
    started = time.perf_counter()
    seg = segmenter.segment(ct, threshold=threshold, progress=progress)
    report = measure(ct, seg)
    _log.info(
        "network run: %s, %d slice(s), %.2f s", seg.checkpoint.ref, len(ct.hu), time.perf_counter() - started
    )
    return Analysis(tuple(sources), ct, seg, report)


def first_view(analysis: Analysis, view: View) -> View:
    """Where to start: the most telling slice; a picture in the window it was made with."""
    return replace(
        view,
        slice_index=telling_slice(analysis.seg),
        window=within_sliders(analysis.ct.assumed_window or view.window),
    )


def within_sliders(window: Window) -> Window:
    """The nearest window that the page's sliders can stand at; they refuse any other.

    >>> within_sliders(Window(1024, 4096))
    Window(center_hu=1000, width_hu=3000)
    """
    center = min(max(window.center_hu, CENTER_RANGE_HU[0]), CENTER_RANGE_HU[1])
    width = min(max(window.width_hu, WIDTH_RANGE_HU[0]), WIDTH_RANGE_HU[1])
    return Window(center, width)


def draw(analysis: Analysis, view: View) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Windowed slice, segmentation and heatmap: three uint8 RGB arrays (H', W', 3) of one size."""
    return three_pictures(analysis.ct, analysis.seg, view.slice_index, view.window, view.opacity)


def as_jpeg(rgb: np.ndarray) -> bytes:
    """An RGB picture as JPEG, with the colours at full resolution so that contours stay crisp."""
    options = [
        cv2.IMWRITE_JPEG_QUALITY,
        JPEG_QUALITY,
        cv2.IMWRITE_JPEG_SAMPLING_FACTOR,
        cv2.IMWRITE_JPEG_SAMPLING_FACTOR_444,
    ]
    done, encoded = cv2.imencode(".jpg", rgb[..., ::-1], options)
    if not done:
        raise InvalidSetting("The picture could not be encoded as JPEG.")
    return encoded.tobytes()


def slice_counts(seg: Segmentation, slice_index: int) -> SliceCounts:
    """How many pixels of one slice are liver (label 1) and tumour (label 2)."""
    labels = seg.labels[slice_index]
    return SliceCounts(int(np.count_nonzero(labels == LIVER)), int(np.count_nonzero(labels == TUMOUR)))
