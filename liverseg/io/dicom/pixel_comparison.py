"""Compares the stored pixels of slices, to find copies."""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from dataclasses import dataclass
from typing import TypeVar

import numpy as np
import pydicom
from pydicom.uid import UID

from liverseg.errors import UnreadableInput
from liverseg.io.dicom.decoder import FrameDecoder
from liverseg.io.dicom.modality_lut import modality_lut_of
from liverseg.io.dicom.pixels import stored_frames
from liverseg.io.dicom.slice_headers import as_refusal
from liverseg.io.dicom.slices import Slice
from liverseg.io.dicom.transfer_syntax import check_transfer_syntax

_T = TypeVar("_T")

_INTERPRETING_KEYWORDS = (
    "Rows", "Columns", "BitsAllocated", "BitsStored", "HighBit", "PixelRepresentation",
    "PhotometricInterpretation", "PixelPaddingValue", "PixelPaddingRangeLimit",
)  # fmt: skip
"""Elements that say what stored bytes mean."""


class PixelComparison:
    """Says whether slices have equal pixels; reads each file once, and again if it has to be decoded.

    `load` returns the dataset of a file with its pixels.
    """

    def __init__(self, load: Callable[[int], pydicom.Dataset]) -> None:
        self._load = load
        self._contents: dict[int, _Content | None] = {}  # None: the file cannot be read
        self._decoded: dict[int, bytes | None] = {}  # digests of stored values

    def are_same(self, one: Slice, other: Slice) -> bool:
        """Whether two slices of different files of one frame store equal pixels with one rescale.

        Images whose bytes differ are decoded unless both are uncompressed: archives hold copies in several
        encodings. False where one of them cannot be read. The frames of one file are
        not copies of each other. Raises what `load` raises, except for UnreadableInput.
        """
        if one.file == other.file or one.number or other.number or one.frame.rescale != other.frame.rescale:
            return False
        first, second = self._content(one.file), self._content(other.file)
        if first is None or second is None or first.meaning != second.meaning:
            return False
        if first.encoding == second.encoding and (first.digest == second.digest or not first.encoding):
            return first.digest == second.digest
        values = self._decoded_digest(one.file)
        return values is not None and values == self._decoded_digest(other.file)

    def _content(self, file: int) -> _Content | None:
        if file not in self._contents:
            self._contents[file] = self._from_file(file, _content_of)
        return self._contents[file]

    def _decoded_digest(self, file: int) -> bytes | None:
        if file not in self._decoded:
            self._decoded[file] = self._from_file(file, _values_digest)
        return self._decoded[file]

    def _from_file(self, file: int, function: Callable[[pydicom.Dataset], _T]) -> _T | None:
        """A function of the dataset of a file; None if the file cannot be read."""
        try:
            with as_refusal():
                return function(self._load(file))
        except UnreadableInput:
            return None


@dataclass(frozen=True)
class _Content:
    """The pixels of a file as they are encoded."""

    syntax: UID
    meaning: str  # of the stored values
    digest: bytes  # of the encoded bytes

    @property
    def encoding(self) -> str:
        """What encodes the bytes besides `meaning`; "" for uncompressed little-endian values."""
        return self.syntax if self.syntax.is_compressed or not self.syntax.is_little_endian else ""


def _content_of(dataset: pydicom.Dataset) -> _Content:
    meaning = repr([str(dataset.get(keyword)) for keyword in _INTERPRETING_KEYWORDS])
    lut = modality_lut_of(dataset)
    if lut is not None:
        meaning += f"{lut.first} {hashlib.sha256(lut.values).hexdigest()}"
    syntax = check_transfer_syntax(dataset)
    return _Content(syntax, meaning, hashlib.sha256(dataset.PixelData).digest())


def _values_digest(dataset: pydicom.Dataset) -> bytes:
    with FrameDecoder() as decoder:
        frames = [np.ascontiguousarray(frame, np.int32) for frame in stored_frames(dataset, decoder)]
    return hashlib.sha256(np.stack(frames)).digest()
