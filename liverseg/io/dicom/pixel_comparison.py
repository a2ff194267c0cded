"""Compares the stored pixels of slices, to find copies."""

from __future__ import annotations

import hashlib
from collections.abc import Callable

import pydicom

from liverseg.errors import UnreadableInput
from liverseg.io.dicom.slice_headers import as_refusal
from liverseg.io.dicom.slices import Slice

_INTERPRETING_KEYWORDS = (
    "Rows", "Columns", "BitsAllocated", "BitsStored", "HighBit", "PixelRepresentation",
    "PhotometricInterpretation", "PixelPaddingValue", "PixelPaddingRangeLimit",
)  # fmt: skip
"""Elements that say what stored bytes mean."""


class PixelComparison:
    """Says whether slices have equal pixels; reads each file at most once.

    `load` returns the dataset of a file with its pixels.
    """

    def __init__(self, load: Callable[[int], pydicom.Dataset]) -> None:
        self._load = load
        self._digests: dict[int, bytes | None] = {}  # None: the file cannot be read

    def are_same(self, one: Slice, other: Slice) -> bool:
        """Whether two slices of different files of one frame store equal pixels with one rescale.

        False where one of them cannot be read. The frames of one file are not copies of each other.
        Raises what `load` raises, except for UnreadableInput.
        """
        if one.file == other.file or one.number or other.number or one.frame.rescale != other.frame.rescale:
            return False
        digests = [self._digest(one.file), self._digest(other.file)]
        return digests[0] is not None and digests[0] == digests[1]

    def _digest(self, file: int) -> bytes | None:
        if file not in self._digests:
            try:
                with as_refusal():
                    self._digests[file] = _pixel_digest(self._load(file))
            except UnreadableInput:
                self._digests[file] = None
        return self._digests[file]


def _pixel_digest(dataset: pydicom.Dataset) -> bytes:
    """A digest of the stored bytes and of what says how they are read."""
    meaning = repr([str(dataset.get(keyword)) for keyword in _INTERPRETING_KEYWORDS])
    digest = hashlib.sha256(f"{dataset.file_meta.TransferSyntaxUID} {meaning}".encode(errors="replace"))
    digest.update(dataset.PixelData)
    return digest.digest()
