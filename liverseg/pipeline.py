"""From an input to its report: read, segment, measure. Commands, page, endpoints and cohorts use it."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass, replace

from liverseg.analysis.compare import Agreement, compare
from liverseg.analysis.measure import measure
from liverseg.analysis.report import Report
from liverseg.core.image import CTImage
from liverseg.core.segmentation import Segmentation
from liverseg.core.slicing import check_slice, single_slice, single_slice_segmentation
from liverseg.core.window import Window
from liverseg.inference.progress import ProgressCallback, StopSignal
from liverseg.inference.segmenter import Segmenter
from liverseg.io.read import Source, read


@dataclass(frozen=True)
class AnalysisSettings:
    """What may be chosen for one input, besides the checkpoint."""

    window: Window | None = None  # that a picture was made with; None: 40/400 HU
    series: int | None = None  # number of the DICOM series, where the input holds several
    slice_index: int | None = None  # segment and measure this slice only, from 0
    threshold: float | None = None  # tumour probability; None: the checkpoint's own
    keep_all: bool = False  # keep every connected component of a volume, not the largest alone
    lesion_cut: float | None = None  # lesion probability of a likely lesion; None: the checkpoint's own
    rejected: tuple[int, ...] = ()  # numbers of the lesions to reject


DEFAULT_SETTINGS = AnalysisSettings()


@dataclass(frozen=True)
class Run:
    """How a running analysis is watched, stopped and kept apart from others."""

    progress: ProgressCallback | None = None
    cancelled: StopSignal | None = None
    network: AbstractContextManager[object] = nullcontext()  # held while the network runs


DEFAULT_RUN = Run()


@dataclass(frozen=True, eq=False)
class Analysis:
    """One input with its segmentation and its report."""

    ct: CTImage
    seg: Segmentation  # on the grid of `ct`
    report: Report  # of one slice where `slice_index` is given
    slice_index: int | None = None
    measuring_s: float = 0.0

    @property
    def measured(self) -> tuple[CTImage, Segmentation]:
        """The image and segmentation that the report is about: all slices, or the one that was chosen."""
        return _chosen(self.ct, self.seg, self.slice_index)

    def at_threshold(self, threshold: float, lesion_cut: float | None = None) -> Analysis:
        """The same probabilities, labelled and measured at another threshold; the network does not run.

        `lesion_cut` None keeps the present one. Rejected lesions follow their voxels
        (`core.lesion_rejection`). Raises `InvalidSetting` as `Segmentation.at_threshold` does.
        """
        if threshold == self.seg.threshold and lesion_cut in (None, self.seg.lesion_cut):
            return self
        return self._with(self.seg.at_threshold(threshold, lesion_cut))

    def with_rejected(self, numbers: Iterable[int]) -> Analysis:
        """The result with the lesions of these numbers (`Lesion.id`) rejected, and no others.

        They are labelled liver and do not count; the report lists them as rejected, under the same numbers.
        Without numbers this is the result as it was before any rejection. Raises `InvalidSetting` for a
        number that no lesion of the report has.
        """
        seg = self.seg.with_rejected(numbers)
        return self if seg is self.seg else self._with(seg)

    def _with(self, seg: Segmentation) -> Analysis:
        return replace(self, seg=seg, report=measure(*_chosen(self.ct, seg, self.slice_index)))


@dataclass(frozen=True, eq=False)
class Comparison:
    """Two checkpoints on one input."""

    a: Analysis
    b: Analysis
    agreement: Agreement


def read_timed(source: Source, settings: AnalysisSettings = DEFAULT_SETTINGS) -> tuple[CTImage, float]:
    """The image of an input and the seconds that reading took. Raises a `LiversegError` as `read` does."""
    started = time.perf_counter()
    ct = read(source, window=settings.window, series=settings.series)
    return ct, time.perf_counter() - started


def analyse(
    source: Source,
    load: Callable[[], Segmenter],
    settings: AnalysisSettings = DEFAULT_SETTINGS,
    check: Callable[[CTImage], object] | None = None,
    run: Run = DEFAULT_RUN,
) -> Analysis:
    """Read an input, segment it and measure what was found.

    `load` gives the checkpoint once the input has been read; `check` may refuse the image before that.
    Raises a `LiversegError` as `read`, `check`, `load` and `Segmenter.segment` do.
    """
    ct, reading_s = read_timed(source, settings)
    if check is not None:
        check(ct)
    return analyse_image(ct, load(), settings, run, reading_s)


def analyse_image(
    ct: CTImage,
    segmenter: Segmenter,
    settings: AnalysisSettings = DEFAULT_SETTINGS,
    run: Run = DEFAULT_RUN,
    reading_s: float | None = None,
) -> Analysis:
    """Segment an image and measure what was found.

    Raises a `LiversegError` as `Segmenter.segment` does, and for a rejected lesion that is not there.
    """
    with run.network:
        seg = segmenter.segment(
            ct,
            threshold=settings.threshold,
            lesion_cut=settings.lesion_cut,
            only_slice=settings.slice_index,
            keep_all=settings.keep_all,
            progress=run.progress,
            cancelled=run.cancelled,
        )
    seg = seg.with_rejected(settings.rejected)
    if reading_s is not None:
        seg.timing_s["reading"] = reading_s
    started = time.perf_counter()
    report = measure(*_chosen(ct, seg, settings.slice_index))
    return Analysis(ct, seg, report, settings.slice_index, time.perf_counter() - started)


def analyse_labels(
    source: Source,
    read: Callable[[CTImage], Segmentation],
    settings: AnalysisSettings = DEFAULT_SETTINGS,
    check: Callable[[CTImage], object] | None = None,
) -> Analysis:
    """Read an input and measure labels that were made elsewhere; no network runs.

    `read` gives the labels for the image (`io.masks.read.read_labels`). Of the settings, the window, the
    series and the slice apply. Raises a `LiversegError` as `io.read.read`, `check` and `read` do.
    """
    ct, reading_s = read_timed(source, settings)
    if check is not None:
        check(ct)
    if settings.slice_index is not None:
        check_slice(ct, settings.slice_index)
    seg = read(ct)
    seg.timing_s["reading"] = reading_s
    report = measure(*_chosen(ct, seg, settings.slice_index))
    return Analysis(ct, seg, report, settings.slice_index)


def compare_image(
    ct: CTImage,
    segmenters: tuple[Segmenter, Segmenter],
    settings: AnalysisSettings = DEFAULT_SETTINGS,
    run: Run = DEFAULT_RUN,
) -> Comparison:
    """Segment an image with two checkpoints and compare the results. Raises a `LiversegError`.

    `settings.lesion_cut` applies to the checkpoints with a lesion model; one of them must have one.
    """
    slices = len(ct.hu) if settings.slice_index is None else 1
    without = [segmenter.lesion_rules(slices).model is None for segmenter in segmenters]
    a, b = (
        analyse_image(ct, segmenter, replace(settings, lesion_cut=None) if plain else settings, run)
        for segmenter, plain in zip(segmenters, without if not all(without) else (False, False), strict=True)
    )
    image, seg_a = a.measured
    return Comparison(a, b, compare(image, seg_a, b.measured[1]))


def _chosen(ct: CTImage, seg: Segmentation, slice_index: int | None) -> tuple[CTImage, Segmentation]:
    if slice_index is None:
        return ct, seg
    return single_slice(ct, slice_index), single_slice_segmentation(seg, slice_index)
