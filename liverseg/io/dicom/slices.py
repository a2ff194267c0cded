"""The slices of DICOM files, with what may tell apart the volumes that one series can hold."""

from __future__ import annotations

from dataclasses import dataclass

import pydicom

from liverseg.io.dicom.dataset import NAMES, TIMES, as_list, numbers
from liverseg.io.dicom.series_info import known_kernel
from liverseg.io.dicom.stack import Frame, frames_of


@dataclass(frozen=True)
class Slice:
    """One frame of one file."""

    file: int  # which of the files
    number: int  # which frame of it
    frame: Frame
    sop_uid: str
    series_uid: str
    series_number: int | None
    traits: dict[str, str]  # of `NAMES`
    times_s: dict[str, float]  # of `TIMES`; only their order counts
    kernel: str | None  # None: none, or not a known name

    @property
    def has_contrast(self) -> bool:
        return bool(self.traits.get("ContrastBolusAgent"))


def slices_of(dataset: pydicom.Dataset, file: int) -> list[Slice]:
    """The slices of a CT file: one, or the frames of an Enhanced CT. Raises what `frames_of` raises."""
    frames = frames_of(dataset)
    groups = list(dataset.get("PerFrameFunctionalGroupsSequence") or [None] * len(frames))
    series_number = numbers(dataset, "SeriesNumber", 1)
    found = []
    for number, (frame, group) in enumerate(zip(frames, groups, strict=True)):
        places = [dataset, *_described(group)]
        traits = {name: _text(places, name) for name in NAMES}
        times = {name: _seconds(_text(places, name)) for name in TIMES}
        found.append(
            Slice(
                file,
                number,
                frame,
                str(dataset.get("SOPInstanceUID") or ""),
                str(dataset.get("SeriesInstanceUID") or ""),
                None if series_number is None else int(series_number[0]),
                {name: value for name, value in traits.items() if value},
                {name: value for name, value in times.items() if value is not None},
                known_kernel(traits["ConvolutionKernel"]),
            )
        )
    return found


def _described(group: pydicom.Dataset | None) -> list[pydicom.Dataset]:
    """The functional groups of a frame of an Enhanced CT that describe it."""
    if group is None:
        return []
    keywords = ("FrameContentSequence", "CTReconstructionSequence", "CTImageFrameTypeSequence")
    return [item for keyword in keywords for item in (group.get(keyword) or [])[:1]]


def _text(places: list[pydicom.Dataset], keyword: str) -> str:
    """An element as text, from the first dataset that has it; "" where none does or it is damaged."""
    for place in places:
        try:
            values = as_list(place.get(keyword))
        except (TypeError, ValueError, OverflowError):  # pydicom's, for text that is no number
            continue
        if values:
            return "\\".join(str(value).strip() for value in values)
    return ""


def _seconds(text: str) -> float | None:
    """A time as a number that grows with it: HHMMSS.ffffff, a date and time, or milliseconds.

    >>> _seconds("101530.5") < _seconds("101531") and _seconds("10:15") is None
    True
    """
    try:
        return float(text.split("+")[0].split("-")[0])
    except ValueError:
        return None
