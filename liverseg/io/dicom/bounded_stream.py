"""An open file whose reads are counted: millions of parts without content must not keep a reader busy."""

from __future__ import annotations

import io
import os
import zlib
from typing import BinaryIO

from pydicom.filereader import data_element_generator
from pydicom.uid import DeflatedExplicitVRLittleEndian, ExplicitVRLittleEndian

from liverseg.core import limits
from liverseg.errors import InputTooLarge, UnreadableInput

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


_CHUNK_BYTES = 1024**2

# 128 zero bytes, DICM, and a Transfer Syntax UID of Explicit VR Little Endian: a head for inflated data
_PLAIN_HEAD = bytes(128) + b"DICM\x02\x00\x10\x00UI\x14\x00" + ExplicitVRLittleEndian.encode() + b"\0"


def inflated(stream: BinaryIO) -> BinaryIO:
    """The stream of a DICOM file, unpacked where it is of Deflated Explicit VR Little Endian.

    Raises InputTooLarge for a bomb, UnreadableInput for damaged or truncated data.
    """
    head = stream.read(132)
    syntax, end = "", 132
    if head[128:132] == b"DICM":
        for element in data_element_generator(
            CountedReads(stream), False, True, stop_when=lambda tag, vr, length: tag >> 16 != 2
        ):
            end = stream.tell()
            if element.tag == 0x00020010:
                syntax = bytes(element.value).rstrip(b"\0 ").decode("ascii", "replace")
    if syntax != DeflatedExplicitVRLittleEndian:
        stream.seek(0)
        return stream
    stream.seek(end)
    inflater = zlib.decompressobj(wbits=-15)
    plain = io.BytesIO()
    plain.write(_PLAIN_HEAD)
    try:
        while not inflater.eof and (packed := inflater.unconsumed_tail or stream.read(_CHUNK_BYTES)):
            plain.write(inflater.decompress(packed, _CHUNK_BYTES))
            if plain.tell() > limits.MAX_MEMBER_BYTES or limits.is_bomb(plain.tell(), stream.tell() - end):
                raise InputTooLarge("The deflated DICOM file unpacks to far more than a CT takes.")
    except zlib.error as error:
        raise UnreadableInput("The DICOM file is damaged: its deflated data cannot be unpacked.") from error
    if not inflater.eof:
        raise UnreadableInput("The DICOM file is truncated: its deflated data ends too early.")
    plain.seek(0)
    return plain
