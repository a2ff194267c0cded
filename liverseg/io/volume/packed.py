"""Bounded readers of zlib and bzip2 streams of untrusted origin; gzip has `liverseg.io.fast_gzip`.

As `GzipReader`, they unpack no more than requested. `read` raises EOFError where the stream is truncated,
zlib.error or that of ISA-L where it is damaged, and InputTooLarge where it expands far more than a CT does.
"""

from __future__ import annotations

import bz2
import zlib

from liverseg.core.limits import is_bomb
from liverseg.errors import InputTooLarge
from liverseg.io.fast_gzip import isal_zlib
from liverseg.io.volume.voxels import ByteSource

_READ_BYTES = 128 * 1024
_FREE_STREAMS, _MIN_STREAM_BYTES = 1000, 1024  # pbzip2 writes a stream for 900 kB


class _PackedReader:
    """Sequential reader; a subclass unpacks some bytes. `is_mask` is that of `GzipReader`."""

    def __init__(self, stream: ByteSource, is_mask: bool = False) -> None:
        self._stream = stream
        self._is_mask = is_mask
        self._packed_bytes = self._content_bytes = 0  # totals so far

    def read(self, count: int, /) -> bytes:
        """The next `count` bytes of the content; fewer only at its end."""
        parts: list[bytes] = []
        while count > 0 and (piece := self._read_some(count)):
            parts.append(piece)
            count -= len(piece)
        return parts[0] if len(parts) == 1 else b"".join(parts)

    def _read_some(self, count: int) -> bytes:
        """Between 1 and `count` bytes of the content; none at its end."""
        raise NotImplementedError

    def _more(self) -> bytes:
        packed = self._stream.read(_READ_BYTES)
        self._packed_bytes += len(packed)
        return packed

    def _checked(self, piece: bytes) -> bytes:
        self._content_bytes += len(piece)
        if not self._is_mask and is_bomb(self._content_bytes, self._packed_bytes):
            raise InputTooLarge("The compressed data unpack to far more than a CT takes.")
        return piece


class ZlibReader(_PackedReader):
    """Reader of one zlib stream; bytes after it are ignored."""

    def __init__(self, stream: ByteSource, is_mask: bool = False) -> None:
        super().__init__(stream, is_mask)
        self._decompressor = isal_zlib.decompressobj()
        self._pending = b""  # compressed bytes that were read and not yet unpacked

    def _read_some(self, count: int) -> bytes:
        while not self._decompressor.eof:
            packed = self._pending or self._more()
            piece = self._decompressor.decompress(packed, count)
            self._pending = self._decompressor.unconsumed_tail
            if piece:
                return self._checked(piece)
            if not packed and not self._decompressor.eof:
                raise EOFError
        return b""


class Bzip2Reader(_PackedReader):
    """Reader of a bzip2 file of one or several streams; bytes after the last one are ignored."""

    def __init__(self, stream: ByteSource, is_mask: bool = False) -> None:
        super().__init__(stream, is_mask)
        self._decompressor = bz2.BZ2Decompressor()
        self._pending = b""  # the beginning of a stream
        self._streams = 1

    def _read_some(self, count: int) -> bytes:
        while True:
            if self._decompressor.eof and not self._start_next_stream():
                return b""
            packed, self._pending = self._pending, b""
            if not packed and self._decompressor.needs_input:
                packed = self._more()
                if not packed:
                    raise EOFError
            piece = self._unpacked(packed, count)
            if piece:
                return self._checked(piece)

    def _unpacked(self, packed: bytes, count: int) -> bytes:
        try:
            return self._decompressor.decompress(packed, count)
        except (OSError, ValueError) as error:  # how bz2 reports damage
            raise zlib.error("not bzip2") from error

    def _start_next_stream(self) -> bool:
        """Prepare for the next stream and return whether there is one."""
        rest = self._decompressor.unused_data or self._more()
        if len(rest) < 4:
            rest += self._more()
        if not rest.startswith(b"BZh"):
            return False
        self._streams += 1
        if self._streams > _FREE_STREAMS + self._content_bytes // _MIN_STREAM_BYTES:
            raise InputTooLarge("The compressed data are made of far more parts than a CT takes.")
        self._decompressor, self._pending = bz2.BZ2Decompressor(), rest
        return True
