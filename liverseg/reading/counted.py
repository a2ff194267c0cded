"""An open file whose reads are counted: millions of parts without content must not keep a reader busy."""

from __future__ import annotations

import os
from typing import BinaryIO

from liverseg import limits
from liverseg.errors import InputTooLarge

_SMALL_BYTES = 64 * 1024


class CountedReads:
    """`read`, `seek` and `tell` of a file. Raises InputTooLarge after `limits.MAX_DICOM_READS` reads.

    A read never asks for more than there is: Python reserves the memory for what is asked, and a header can
    say four gigabytes.
    """

    def __init__(self, stream: BinaryIO) -> None:
        self._stream = stream
        self._left = limits.MAX_DICOM_READS
        here = stream.tell()
        self._size = stream.seek(0, os.SEEK_END)
        stream.seek(here)
        self.seek, self.tell = stream.seek, stream.tell

    def check(self) -> None:
        """Raise InputTooLarge if there were too many reads; pydicom turns some exceptions into its own."""
        if self._left < 0:
            raise InputTooLarge("The header of the DICOM file has far more elements than that of a CT.")

    def read(self, count: int = -1) -> bytes:
        """Up to `count` bytes; -1: all that is left."""
        self._left -= 1
        self.check()
        if count > _SMALL_BYTES:
            count = min(count, max(self._size - self.tell(), 0))
        return self._stream.read(count)
