"""Bounded reading of untrusted DICOM streams: limits on the number of reads and on the inflated size.

Without these limits a small file with millions of empty elements, or with highly compressed data, keeps the
reader busy or fills the memory.
"""

from __future__ import annotations

import io
import os
import zlib
from typing import BinaryIO

from pydicom.filereader import data_element_generator
from pydicom.uid import DeflatedExplicitVRLittleEndian, ExplicitVRLittleEndian

from liverseg.core import limits
from liverseg.errors import InputTooLarge, UnreadableInput

_UNCHECKED_READ_BYTES = 64 * 1024
_CHUNK_BYTES = 1024**2

_PREAMBLE_BYTES = 132  # 128 bytes and "DICM"
_TRANSFER_SYNTAX_UID = 0x00020010

# Preamble, "DICM" and a Transfer Syntax UID of Explicit VR Little Endian, to go before inflated data.
_INFLATED_HEADER = bytes(128) + b"DICM\x02\x00\x10\x00UI\x14\x00" + ExplicitVRLittleEndian.encode() + b"\0"


class CountedReads:
    """`read`, `seek` and `tell` of a file. Raises InputTooLarge after `limits.MAX_DICOM_READS` reads.

    A read never asks for more bytes than the file still has: Python allocates the memory for the requested
    length, and a damaged header can declare 4 GB.
    """

    def __init__(self, stream: BinaryIO) -> None:
        self._stream = stream
        self._reads_left = limits.MAX_DICOM_READS
        start = stream.tell()
        self._size = stream.seek(0, os.SEEK_END)
        stream.seek(start)
        self.seek, self.tell = stream.seek, stream.tell
        self._is_short = False  # whether a read found fewer bytes than it asked for

    @property
    def is_cut_short(self) -> bool:
        """Whether the file ended within something that was read or skipped."""
        return self._is_short or self.tell() > self._size

    def check(self) -> None:
        """Raise InputTooLarge after too many reads; pydicom replaces some exceptions raised in `read`."""
        if self._reads_left < 0:
            raise InputTooLarge("The header of the DICOM file has far more elements than that of a CT.")

    def read(self, count: int = -1) -> bytes:
        """Up to `count` bytes, or all remaining bytes for -1."""
        self._reads_left -= 1
        self.check()
        if count > _UNCHECKED_READ_BYTES:
            left = max(self._size - self.tell(), 0)
            self._is_short |= count > left
            count = min(count, left)
        content = self._stream.read(count)
        self._is_short |= 0 < len(content) < count
        return content


def inflate(stream: BinaryIO) -> BinaryIO:
    """A DICOM stream, unpacked if its transfer syntax is Deflated Explicit VR Little Endian.

    Other streams are returned as they are, at their beginning. Raises InputTooLarge for data that unpack to
    far more than their size, UnreadableInput for damaged or truncated data.
    """
    preamble = stream.read(_PREAMBLE_BYTES)
    syntax, meta_end = "", _PREAMBLE_BYTES
    if preamble[128:] == b"DICM":
        for element in data_element_generator(
            CountedReads(stream), False, True, stop_when=lambda tag, vr, length: tag >> 16 != 2
        ):
            meta_end = stream.tell()
            if element.tag == _TRANSFER_SYNTAX_UID:
                syntax = bytes(element.value).rstrip(b"\0 ").decode("ascii", "replace")
    if syntax != DeflatedExplicitVRLittleEndian:
        stream.seek(0)
        return stream
    stream.seek(meta_end)
    inflater = zlib.decompressobj(wbits=-15)  # raw deflate, without a zlib header
    unpacked = io.BytesIO()
    unpacked.write(_INFLATED_HEADER)
    try:
        while not inflater.eof and (packed := inflater.unconsumed_tail or stream.read(_CHUNK_BYTES)):
            unpacked.write(inflater.decompress(packed, _CHUNK_BYTES))
            size = unpacked.tell()
            if size > limits.MAX_MEMBER_BYTES or limits.is_bomb(size, stream.tell() - meta_end):
                raise InputTooLarge("The deflated DICOM file unpacks to far more than a CT takes.")
    except zlib.error as error:
        raise UnreadableInput("The DICOM file is damaged: its deflated data cannot be unpacked.") from error
    if not inflater.eof:
        raise UnreadableInput("The DICOM file is truncated: its deflated data ends too early.")
    unpacked.seek(0)
    return unpacked
