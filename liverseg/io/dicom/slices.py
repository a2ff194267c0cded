"""The CT slices within DICOM files, with the attributes that may distinguish volumes of one series."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np
import pydicom

from liverseg.io.dicom.dataset import TIME_KEYWORDS, TRAIT_KEYWORDS
from liverseg.io.dicom.elements import float_values, text_of
from liverseg.io.dicom.frame_header import FrameHeader, frame_headers
from liverseg.io.dicom.positions import slice_normal
from liverseg.io.dicom.series_info import known_kernel

_DESCRIBING_GROUPS = (
    "FrameContentSequence", "CTReconstructionSequence", "CTImageFrameTypeSequence",
    "PixelValueTransformationSequence", "MultienergyCTCharacteristicsSequence",
)  # fmt: skip


@dataclass(frozen=True)
class Slice:
    """One frame of one file."""

    file: int  # index of the file in the input
    number: int  # index of the frame in the file
    frame: FrameHeader
    sop_uid: str
    series_uid: str
    series_number: int | None
    traits: dict[str, str]  # non-empty values of `TRAIT_KEYWORDS`
    times_s: dict[str, float]  # values of `TIME_KEYWORDS`; only their order matters
    kernel: str | None  # None if absent or not a known name

    @property
    def has_contrast(self) -> bool:
        return bool(self.traits.get("ContrastBolusAgent"))


def slices_of(dataset: pydicom.Dataset, file: int) -> list[Slice]:
    """The slices of a CT file: one, or the frames of an Enhanced CT. Raises as `frame_headers` does."""
    headers = frame_headers(dataset)
    groups = list(dataset.get("PerFrameFunctionalGroupsSequence") or [None] * len(headers))
    series_number = float_values(dataset, "SeriesNumber", 1)
    slices = []
    for number, (frame, group) in enumerate(zip(headers, groups, strict=True)):
        datasets = [dataset, *_describing_items(group)]
        traits = {keyword: text_of(datasets, keyword) for keyword in TRAIT_KEYWORDS}
        times = {keyword: _time_value(text_of(datasets, keyword)) for keyword in TIME_KEYWORDS}
        slices.append(
            Slice(
                file=file,
                number=number,
                frame=frame,
                sop_uid=str(dataset.get("SOPInstanceUID") or ""),
                series_uid=str(dataset.get("SeriesInstanceUID") or ""),
                series_number=None if series_number is None else int(series_number[0]),
                traits={keyword: value for keyword, value in traits.items() if value},
                times_s={keyword: value for keyword, value in times.items() if value is not None},
                kernel=known_kernel(traits["ConvolutionKernel"]),
            )
        )
    return slices


def heights_mm(slices: Iterable[Slice]) -> np.ndarray | None:
    """(n,) positions of parallel slices along their normal, in their order; None if one has no position."""
    frames = [one.frame for one in slices]
    if any(frame.position_mm is None or frame.orientation is None for frame in frames):
        return None
    return np.array([frame.position_mm for frame in frames]) @ slice_normal(frames[0].orientation)


def sorted_heights_mm(slices: Iterable[Slice]) -> np.ndarray | None:
    """As `heights_mm`, in ascending order."""
    heights = heights_mm(slices)
    return None if heights is None else np.sort(heights)


def _describing_items(group: pydicom.Dataset | None) -> list[pydicom.Dataset]:
    """The items of a frame's functional groups that may hold traits and times."""
    if group is None:
        return []
    return [item for keyword in _DESCRIBING_GROUPS for item in (group.get(keyword) or [])[:1]]


def _time_value(text: str) -> float | None:
    """A number that grows with time, from HHMMSS.ffffff, a date and time, or milliseconds.

    >>> _time_value("101530.5") < _time_value("101531") and _time_value("10:15") is None
    True
    """
    try:
        return float(text.split("+")[0].split("-")[0])
    except ValueError:
        return None
