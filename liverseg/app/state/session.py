"""One visitor's upload and results, and their pictures (no gradio, no global state)."""

from __future__ import annotations

import logging
import time
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

import liverseg
from liverseg.analysis.compare import Agreement, compare
from liverseg.app.state.example_case import ExampleCase
from liverseg.app.state.jpeg import SMALL_PX
from liverseg.app.state.pace import PACE, Running
from liverseg.app.state.threshold_curve import ThresholdCurve
from liverseg.app.state.view import View, within_sliders
from liverseg.app.state.voxels import VoxelStore
from liverseg.core.image import CTImage
from liverseg.core.segmentation import LIVER, TUMOUR, Segmentation
from liverseg.core.window import Window
from liverseg.errors import Cancelled, LiversegError, UnreadableInput
from liverseg.inference.segmenter import Segmenter
from liverseg.io.sniff import HEAD_BYTES, VOLUME_KINDS, kind_of
from liverseg.io.volume.open import data_name_in
from liverseg.pipeline import DEFAULT_RUN, DEFAULT_SETTINGS, Analysis, AnalysisSettings, Run, analyse_image
from liverseg.rendering.comparison import difference
from liverseg.rendering.slice_view import axial_frame, default_slice, slice_overlay, three_pictures
from registry import Checkpoint

MAX_KNOWN_BYTES = 256 * 2**20
"""Limit of the results of other checkpoints in one session, which save a second run on the same image."""

_log = logging.getLogger(__name__)


@dataclass(frozen=True, eq=False)
class PageAnalysis(Analysis):
    """An upload with its result, in the session of a visitor. It is never changed, only replaced."""

    sources: tuple[str, ...] = ()  # paths of the upload, which is read again with another window
    own_threshold: float = 0.5  # of the checkpoint; `seg` may have another one
    second: PageAnalysis | None = None  # result of another checkpoint on the same image, for comparison
    agreement: Agreement | None = None  # of this result with `second`
    known: tuple[PageAnalysis, ...] = ()  # earlier results of other checkpoints on this image, latest first
    curve: ThresholdCurve | None = None  # None: the checkpoint has none
    series: int | None = None  # number of the chosen series, if the upload holds several
    example: ExampleCase | None = None  # whose image this is; None: an upload
    voxels: VoxelStore | None = None  # for drawing in the browser; renewed with the labels

    def __post_init__(self) -> None:
        if self.voxels is None or self.voxels.seg is not self.seg or self._truth_is_new:
            image = self.voxels.image if self.voxels is not None and self.voxels.ct is self.ct else None
            truth = None if self.example is None else self.example.truth
            object.__setattr__(self, "voxels", VoxelStore(self.ct, self.seg, image, truth))

    @property
    def _truth_is_new(self) -> bool:
        """Whether `voxels` were made before `example` was known."""
        truth = None if self.example is None else self.example.truth
        return self.voxels is not None and self.voxels.truth is not truth

    @property
    def is_picture(self) -> bool:
        """Whether the HU were computed from grey values, with an assumed window."""
        return self.ct.assumed_window is not None

    @property
    def longest_px(self) -> int | None:
        """The longer side that its pictures on the page are reduced to; None: they are not."""
        return None if self.example is None else SMALL_PX

    @property
    def own_cut(self) -> float | None:
        """The lesion cut of the checkpoint; `seg` may have another one. None: it has no lesion model."""
        model = self.seg.lesion_rules.model
        return None if model is None else model.cut

    def at_threshold(self, threshold: float, lesion_cut: float | None = None) -> PageAnalysis:
        """This result and `second` at another tumour threshold or lesion cut; the network does not run.

        The cut of `second` changes only if its checkpoint has a lesion model.
        """
        moved = super().at_threshold(threshold, lesion_cut)
        assert isinstance(moved, PageAnalysis)
        if self.second is None:
            return moved
        second_cut = None if self.second.own_cut is None else lesion_cut
        return moved.with_second(self.second.at_threshold(threshold, second_cut))

    def with_rejected(self, numbers: Iterable[int]) -> PageAnalysis:
        """This result with the lesions of these numbers rejected, and no others, beside the same `second`."""
        moved = super().with_rejected(numbers)
        assert isinstance(moved, PageAnalysis)
        return moved if moved is self or self.second is None else moved.with_second(self.second)

    def with_second(self, second: PageAnalysis | None) -> PageAnalysis:
        """This result with another checkpoint's as `second`; None removes `second`."""
        if second is None:
            return replace(self, second=None, agreement=None)
        return replace(self, second=second, agreement=compare(self.ct, self.seg, second.seg))


@dataclass(frozen=True)
class SliceCounts:
    """Numbers of pixels in one slice; liver without tumour."""

    liver: int
    tumour: int


def latest_input(sources: Sequence[str]) -> list[str]:
    """The files of an upload that form one input.

    These are all DICOM files if the last file is DICOM, a header of NRRD or MetaImage and its data file if
    these are the last two, and the last file otherwise. The page appends each file to the earlier ones. A
    picture or a volume file replaces an earlier input, while DICOM files may belong to the same series.
    """
    if len(sources) > 1 and _kind_of(sources[-1]) == "dicom":
        return [source for source in sources if _kind_of(source) == "dicom"]
    pair = list(sources[-2:])
    if len(pair) == 2 and sorted(map(_has_data_file, pair)) == [False, True]:
        other = next(source for source in pair if not _has_data_file(source))
        if _kind_of(other) is None:
            return pair
    return list(sources[-1:])


def _kind_of(source: str) -> str | None:
    """The format of an uploaded file as in `sniff`; None for another one and where it was deleted."""
    try:
        with open(source, "rb") as stream:
            return kind_of(stream.read(HEAD_BYTES))
    except OSError:
        return None


def _has_data_file(source: str) -> bool:
    """Whether a file is a header that keeps its image in another file."""
    kind = _kind_of(source)
    if kind not in VOLUME_KINDS:
        return False
    try:
        with open(source, "rb") as stream:
            return data_name_in(kind, stream) is not None
    except (OSError, LiversegError):
        return False


def read_input(sources: Sequence[str], made_with: Window, series: int | None = None) -> CTImage:
    """Read an upload: one file, or several DICOM files; `series` is the number of one of their series.

    Raises a `LiversegError` for a file that is refused, and `UnreadableInput` when the upload was deleted.
    """
    if not sources:
        raise UnreadableInput("Choose a file first.")
    if not all(Path(source).is_file() for source in sources):
        raise UnreadableInput("The upload has expired and was deleted; upload it again.")
    return liverseg.read(sources[0] if len(sources) == 1 else list(sources), made_with, series)


def analyse_upload(
    sources: Sequence[str],
    ct: CTImage,
    segmenter: Segmenter,
    settings: AnalysisSettings = DEFAULT_SETTINGS,
    run: Run = DEFAULT_RUN,
) -> PageAnalysis:
    """Segment a CT image and measure the result; raises the errors of `Segmenter.segment`."""
    started = time.perf_counter()
    try:
        slices = len(ct.hu) if settings.slice_index is None else 1
        with PACE.run(slices) as running:
            analysis = analyse_image(ct, segmenter, settings, _counted(run, running))
    except Cancelled:
        _log.info("run cancelled: %s, after %.2f s", segmenter.checkpoint.ref, time.perf_counter() - started)
        raise
    seconds = time.perf_counter() - started
    _log.info("network run: %s, %d slice(s), %.2f s", analysis.seg.checkpoint.ref, len(ct.hu), seconds)
    return PageAnalysis(
        ct,
        analysis.seg,
        analysis.report,
        slice_index=analysis.slice_index,
        measuring_s=analysis.measuring_s,
        sources=tuple(sources),
        own_threshold=segmenter.threshold,
        curve=ThresholdCurve.of(segmenter.checkpoint.manifest),
    )


def _counted(run: Run, running: Running) -> Run:
    """A run that also counts its slices for those who wait."""

    def progress(done: int, count: int) -> None:
        running.slices, running.done = count, done
        if run.progress is not None:
            run.progress(done, count)

    return replace(run, progress=progress)


def is_result_of(analysis: PageAnalysis, checkpoint: Checkpoint) -> bool:
    """Whether a result was computed by a checkpoint."""
    identity = analysis.seg.checkpoint
    return (identity.ref, identity.sha256) == (checkpoint.ref, checkpoint.sha256)


def known_result(analysis: PageAnalysis, checkpoint: Checkpoint) -> PageAnalysis | None:
    """An earlier result of a checkpoint on the same image, at its own threshold and cut; None without one."""
    result = next((known for known in analysis.known if is_result_of(known, checkpoint)), None)
    return None if result is None else result.at_threshold(result.own_threshold, result.own_cut)


def with_known_results(analysis: PageAnalysis, *others: PageAnalysis) -> PageAnalysis:
    """The analysis with results of other checkpoints on the same image in `known`, in the given order.

    The first is always kept, each later one only if the results up to it fit into `MAX_KNOWN_BYTES`.
    """
    results: list[PageAnalysis] = []
    seen = {analysis.seg.checkpoint}
    for other in others:
        if other.ct is analysis.ct and other.seg.checkpoint not in seen:
            seen.add(other.seg.checkpoint)
            results.append(replace(other, second=None, agreement=None, known=()))
    total_bytes = np.cumsum([_size_bytes(result.seg) for result in results])
    known = [result for k, result in enumerate(results) if k == 0 or total_bytes[k] <= MAX_KNOWN_BYTES]
    return replace(analysis, known=tuple(known))


def _size_bytes(seg: Segmentation) -> int:
    labels = seg.labels.nbytes * (1 if seg.rejections is None else 2)  # rejections hold those from before
    return labels + seg.tumour_probability.nbytes + seg.organ_probability.nbytes


def initial_view(analysis: PageAnalysis, view: View, set_window: Window | None = None) -> View:
    """The first view of a result: its default slice; for a picture, the window it was made with.

    `set_window` is a window that the visitor has set, which holds instead.
    """
    return replace(
        view,
        slice_index=default_slice(analysis.seg),
        window=within_sliders(set_window or analysis.ct.assumed_window or view.window),
    )


def draw_pictures(analysis: PageAnalysis, view: View) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """CT slice, segmentation and tumour probability: three uint8 RGB arrays (H', W', 3) of one size."""
    return three_pictures(analysis.ct, analysis.seg, view.slice_index, view.window, view.opacity)


def draw_comparison(analysis: PageAnalysis, view: View) -> tuple[np.ndarray, np.ndarray]:
    """The segmentation of `second` and the difference, as RGB arrays of the size of `draw_pictures`."""
    assert analysis.second is not None
    index, ct = view.slice_index, analysis.ct
    first, second = analysis.seg.labels[index], analysis.second.seg.labels[index]
    return (
        slice_overlay(ct, analysis.second.seg, index, view.window, view.opacity),
        difference(ct.hu[index], first, second, view.window, view.opacity, axial_frame(ct)),
    )


def slice_counts(seg: Segmentation, slice_index: int) -> SliceCounts:
    """The pixels of one slice that are liver (label 1) and tumour (label 2)."""
    labels = seg.labels[slice_index]
    return SliceCounts(int(np.count_nonzero(labels == LIVER)), int(np.count_nonzero(labels == TUMOUR)))
