"""The Modality LUT as a table: a value for each stored value (PS3.3 C.11.1.1)."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pydicom

from liverseg.errors import UnreadableInput
from liverseg.io.dicom.elements import as_list

_MAX_ENTRIES = 65536
_DAMAGED = "The DICOM file is damaged: its Modality LUT is not a usable table."


@dataclass(frozen=True, eq=False)
class ModalityLut:
    """Values of stored values from `first` on; those beyond the ends get the value at the end."""

    first: int
    values: np.ndarray  # (n,) float32
    unit: str  # ModalityLUTType

    def apply(self, stored: np.ndarray) -> np.ndarray:
        """Stored values of any shape as values of the table in float32."""
        index = np.clip(stored.astype(np.int64) - self.first, 0, len(self.values) - 1)
        return self.values[index]


def modality_lut_of(dataset: pydicom.Dataset) -> ModalityLut | None:
    """The Modality LUT of a dataset; None if it has none.

    Entries are unsigned in the standard. No CT has HU of 32768 and more, so that a table of 16 bits with
    entries from there on is read as signed. Raises UnreadableInput for a damaged table.
    """
    sequence = dataset.get("ModalityLUTSequence")
    if not sequence:
        return None
    table = sequence[0]
    try:
        count, first, bits = (int(value) for value in as_list(table.get("LUTDescriptor")))
        count, first = count % _MAX_ENTRIES or _MAX_ENTRIES, first % _MAX_ENTRIES
        entries = _entries(table.get("LUTData"), count, bits, not dataset.original_encoding[1])
    except (TypeError, ValueError, OverflowError) as error:
        raise UnreadableInput(_DAMAGED) from error
    if len(entries) != count or not 1 <= bits <= 16:
        raise UnreadableInput(_DAMAGED)
    if int(dataset.PixelRepresentation) and first >= _MAX_ENTRIES // 2:
        first -= _MAX_ENTRIES
    if entries.max() >= _MAX_ENTRIES // 2:
        entries = entries.astype(np.uint16).view(np.int16)
    return ModalityLut(first, entries.astype(np.float32), str(table.get("ModalityLUTType") or ""))


def _entries(data: object, count: int, bits: int, is_big_endian: bool) -> np.ndarray:
    """The entries of LUTData: integers, or bytes of two each, or of one where entries have up to 8 bits."""
    if isinstance(data, bytes):
        if bits > 8 or len(data) >= 2 * count:
            return np.frombuffer(data[: 2 * count], ">u2" if is_big_endian else "<u2").astype(np.uint16)
        return np.frombuffer(data[:count], np.uint8)
    return np.array(as_list(data), np.int64) % _MAX_ENTRIES
