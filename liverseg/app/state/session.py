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
from liverseg.analysis.compare import Agreement, compare
from liverseg.app.state.threshold_curve import ThresholdCurve
from liverseg.app.state.view import View, within_sliders
from liverseg.app.state.voxels import VoxelStore
from liverseg.core.image import CTImage
from liverseg.core.segmentation import LIVER, TUMOUR, Segmentation
from liverseg.core.window import Window
from liverseg.errors import Cancelled, InvalidSetting, LiversegError, UnreadableInput
from liverseg.inference.segmenter import Segmenter
from liverseg.io.sniff import HEAD_BYTES, sniff
from liverseg.pipeline import DEFAULT_RUN, DEFAULT_SETTINGS, Analysis, AnalysisSettings, Run, analyse_image
from liverseg.rendering.comparison import difference
from liverseg.rendering.slice_view import default_slice, overlay, three_pictures
from registry import Checkpoint

JPEG_QUALITY = 92
"""Of the pictures on the page: encoded in milliseconds, no visible loss. Downloads are lossless."""

KEPT_BYTES = 256 * 2**20
"""Results of other checkpoints that a visitor's session holds, so that none runs twice on one image."""

_log = logging.getLogger(__name__)


@dataclass(frozen=True, eq=False)
class PageAnalysis(Analysis):
    """One upload with its result, in one visitor's session. Never changed, only replaced."""

    sources: tuple[str, ...] = ()  # paths of the upload, to read it again with another window
    own_threshold: float = 0.5  # the checkpoint's; `seg` may be at another one
    second: PageAnalysis | None = None  # another checkpoint's result on the same image, shown beside this one
    agreement: Agreement | None = None  # of this result and `second`
    known: tuple[PageAnalysis, ...] = ()  # results of other checkpoints on this image, the latest first
    curve: ThresholdCurve | None = None  # the scores of every threshold, where the checkpoint has them
    series: int | None = None  # the one chosen, where the upload holds several
    stack: VoxelStore | None = None  # voxels that the page draws; created here, and again for other labels

    def __post_init__(self) -> None:
        if self.stack is None or self.stack.seg is not self.seg:
            image = self.stack.image if self.stack is not None and self.stack.ct is self.ct else None
            object.__setattr__(self, "stack", VoxelStore(self.ct, self.seg, image))

    @property
    def is_picture(self) -> bool:
        """Whether HU were rebuilt from grey, so that the window it was made with matters."""
        return self.ct.assumed_window is not None

    def at_threshold(self, threshold: float) -> PageAnalysis:
        """The same probabilities at another threshold, and so for `second`; the network does not run."""
        moved = super().at_threshold(threshold)
        assert isinstance(moved, PageAnalysis)
        return moved if self.second is None else moved.beside(self.second.at_threshold(threshold))

    def beside(self, second: PageAnalysis | None) -> PageAnalysis:
        """This result with that of another checkpoint beside it, or with none."""
        if second is None:
            return replace(self, second=None, agreement=None)
        return replace(self, second=second, agreement=compare(self.ct, self.seg, second.seg))


@dataclass(frozen=True)
class SliceCounts:
    """Pixels of one slice of a volume."""

    liver: int
    tumour: int


def latest_input(sources: Sequence[str]) -> list[str]:
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
    settings: AnalysisSettings = DEFAULT_SETTINGS,
    run: Run = DEFAULT_RUN,
) -> PageAnalysis:
    """Run the network on a CT image and measure what it found; raises as `Segmenter.segment` does."""
    started = time.perf_counter()
    try:
        found = analyse_image(ct, segmenter, settings, run)
    except Cancelled:
        _log.info("run cancelled: %s, after %.2f s", segmenter.checkpoint.ref, time.perf_counter() - started)
        raise
    seconds = time.perf_counter() - started
    _log.info("network run: %s, %d slice(s), %.2f s", found.seg.checkpoint.ref, len(ct.hu), seconds)
    return PageAnalysis(
        ct,
        found.seg,
        found.report,
        slice_index=found.slice_index,
        measuring_s=found.measuring_s,
        sources=tuple(sources),
        own_threshold=segmenter.threshold,
        curve=ThresholdCurve.of(segmenter.checkpoint.manifest),
    )


def is_result_of(analysis: PageAnalysis, checkpoint: Checkpoint) -> bool:
    """Whether a result is that checkpoint's."""
    identity = analysis.seg.checkpoint
    return (identity.ref, identity.sha256) == (checkpoint.ref, checkpoint.sha256)


def known_result(analysis: PageAnalysis, checkpoint: Checkpoint) -> PageAnalysis | None:
    """What a checkpoint said of the image before, at its own threshold; None: not run, or forgotten."""
    found = next((known for known in analysis.known if is_result_of(known, checkpoint)), None)
    return None if found is None else found.at_threshold(found.own_threshold)


def with_known_results(analysis: PageAnalysis, *others: Analysis) -> PageAnalysis:
    """The analysis with the results of other checkpoints on the same image, the ones to keep longest first.

    The first is always kept, the rest while all of them together are below `KEPT_BYTES`.
    """
    kept: list[PageAnalysis] = []
    seen = {analysis.seg.checkpoint}
    for other in others:
        if other.ct is analysis.ct and other.seg.checkpoint not in seen:
            seen.add(other.seg.checkpoint)
            kept.append(replace(other, second=None, agreement=None, known=()))
    sizes = np.cumsum([_size_bytes(other.seg) for other in kept])
    return replace(analysis, known=tuple(o for k, o in enumerate(kept) if k == 0 or sizes[k] <= KEPT_BYTES))


def _size_bytes(seg: Segmentation) -> int:
    return seg.labels.nbytes + seg.tumour_probability.nbytes + seg.organ_probability.nbytes


def first_view(analysis: PageAnalysis, view: View) -> View:
    """Where to start: the most telling slice; a picture in the window it was made with."""
    return replace(
        view,
        slice_index=default_slice(analysis.seg),
        window=within_sliders(analysis.ct.assumed_window or view.window),
    )


def draw(analysis: PageAnalysis, view: View) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Windowed slice, segmentation and heatmap: three uint8 RGB arrays (H', W', 3) of one size."""
    return three_pictures(analysis.ct, analysis.seg, view.slice_index, view.window, view.opacity)


def draw_beside(analysis: PageAnalysis, view: View) -> tuple[np.ndarray, np.ndarray]:
    """The segmentation of `second`, and where the two differ: RGB of the size of `draw`'s."""
    assert analysis.second is not None
    index, spacing_mm = view.slice_index, analysis.ct.spacing_mm
    hu, plane = analysis.ct.hu[index], None if spacing_mm is None else spacing_mm[1:]
    first, second = analysis.seg.labels[index], analysis.second.seg.labels[index]
    return (
        overlay(hu, second, view.window, view.opacity, plane),
        difference(hu, first, second, view.window, view.opacity, plane),
    )


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
