"""The CT slices within DICOM files, with the attributes that may distinguish volumes of one series."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable
from dataclasses import dataclass, replace

import numpy as np
import pydicom
from pydicom.datadict import dictionary_VR
from pydicom.dataelem import RawDataElement
from pydicom.tag import Tag

from liverseg.errors import LiversegError
from liverseg.io.dicom.elements import as_list, float_values
from liverseg.io.dicom.frame_header import FrameHeader, frame_headers
from liverseg.io.dicom.keywords import FREE_TEXT_KEYWORDS, TIME_KEYWORDS, TRAIT_KEYWORDS, VARYING_KEYWORDS
from liverseg.io.dicom.positions import slice_normal
from liverseg.io.dicom.series_info import known_kernel, measure_in

_TEXT_VRS = frozenset("AS CS DA DS DT IS LO LT SH ST TM UC UI UR UT".split())
_TAGS = {
    keyword: (tag, dictionary_VR(tag) in _TEXT_VRS)
    for keyword in (*TRAIT_KEYWORDS, *VARYING_KEYWORDS, *TIME_KEYWORDS)
    for tag in (Tag(keyword),)
}
"""The tag of each element that may distinguish volumes, and whether its value is text."""

_DESCRIBING_GROUPS = (
    "FrameContentSequence", "CTReconstructionSequence", "CTImageFrameTypeSequence",
    "PixelValueTransformationSequence", "MultienergyCTCharacteristicsSequence",
)  # fmt: skip


@dataclass(frozen=True)
class Slice:
    """One frame of one file, or a whole file whose frames cannot be described."""

    file: int  # index of the file in the input
    number: int  # index of the frame in the file
    frame: FrameHeader
    sop_uid: str
    series_uid: str
    series_number: int | None
    traits: dict[str, str]  # non-empty values of `TRAIT_KEYWORDS` and `VARYING_KEYWORDS`
    times_s: dict[str, float]  # values of `TIME_KEYWORDS`; only their order matters
    kernel: str | None  # None if absent or not a known name
    frames: int = 1  # in the file
    refusal: LiversegError | None = None  # why it cannot be read; None if its header gives no reason

    @property
    def is_described(self) -> bool:
        """Whether the header says what the slice is; if not, `frame` is empty and `refusal` is set."""
        return self.frame.rows > 0

    @property
    def has_contrast(self) -> bool:
        return bool(self.traits.get("ContrastBolusAgent"))


def slices_of(dataset: pydicom.Dataset, file: int) -> list[Slice]:
    """The slices of a CT file: one, or the frames of an Enhanced CT. Raises as `frame_headers` does."""
    headers = frame_headers(dataset)
    groups = list(dataset.get("PerFrameFunctionalGroupsSequence") or [None] * len(headers))
    return [
        _slice_of([dataset, *_describing_items(group)], file, number, frame, len(headers))
        for number, (frame, group) in enumerate(zip(headers, groups, strict=True))
    ]


def undescribed_slice(dataset: pydicom.Dataset, file: int, refusal: LiversegError) -> Slice:
    """In place of the slices of a file whose header cannot be used, for the reason `refusal`."""
    nothing = FrameHeader(0, 0, None, None, None, None, 0.0, None)
    count = float_values(dataset, "NumberOfFrames", 1)
    frames = 1 if count is None else max(int(count[0]), 1)
    return replace(_slice_of([dataset], file, 0, nothing, frames), refusal=refusal)


def _slice_of(
    datasets: list[pydicom.Dataset], file: int, number: int, frame: FrameHeader, frames: int
) -> Slice:
    """The slice of a frame; `datasets` are its image and the items of its functional groups."""
    image = datasets[0]
    traits = {keyword: _text(datasets, keyword) for keyword in (*TRAIT_KEYWORDS, *VARYING_KEYWORDS)}
    times = {keyword: _time_value(_text(datasets, keyword)) for keyword in TIME_KEYWORDS}
    kernel = known_kernel(traits["ConvolutionKernel"])
    traits |= {keyword: _digest(traits[keyword]) for keyword in FREE_TEXT_KEYWORDS}
    series_number = float_values(image, "SeriesNumber", 1)
    return Slice(
        file=file,
        number=number,
        frame=frame,
        sop_uid=str(image.get("SOPInstanceUID") or ""),
        series_uid=str(image.get("SeriesInstanceUID") or ""),
        series_number=None if series_number is None else int(series_number[0]),
        traits={keyword: value for keyword, value in traits.items() if value},
        times_s={keyword: value for keyword, value in times.items() if value is not None},
        kernel=kernel,
        frames=frames,
    )


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


def _text(datasets: list[pydicom.Dataset], keyword: str) -> str:
    """An element as text, from the first dataset that has it; "" if it is absent or damaged everywhere."""
    tag, is_text = _TAGS[keyword]
    for dataset in datasets:
        element = dataset.get_item(tag) if tag in dataset else None
        if element is None:
            continue
        if is_text and isinstance(element, RawDataElement):  # pydicom converts it far slower
            text = (element.value or b"").decode("latin-1").strip("\0 ")
            values = [part.strip() for part in text.split("\\")] if text else []
        else:
            try:
                values = [str(value).strip() for value in as_list(dataset.get(keyword))]
            except Exception:  # pydicom raises errors of many types on damaged values
                continue
        if values:
            return "\\".join(values)
    return ""


def _digest(text: str) -> str:
    """Free text as the measure in it (`series_info.measure_in`) and a digest; the text is not kept.

    >>> _digest("MonoE 40 keV")[:8], _digest("Jane Doe") == _digest("Jane Doe") != _digest("John Doe")
    ('40 keV #', True)
    """
    if not text:
        return ""
    return f"{measure_in(text)} #{hashlib.sha256(text.encode(errors='replace')).hexdigest()[:16]}".strip()


def _time_value(text: str) -> float | None:
    """A number that grows with time, from HHMMSS.ffffff, a date and time, or milliseconds.

    >>> _time_value("101530.5") < _time_value("101531") and _time_value("10:15") is None
    True
    """
    try:
        return float(text.split("+")[0].split("-")[0])
    except ValueError:
        return None
