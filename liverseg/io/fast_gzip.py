"""gzip and zlib through ISA-L, several times as fast as the standard library.

The files are ordinary gzip: other programs read them, and this module reads theirs. Where ISA-L is not
available, the standard library is used.
"""

from __future__ import annotations

import gzip
import struct
import zlib
from collections.abc import Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from typing import Any, BinaryIO

import numpy as np

from liverseg.core.cpu import usable_processors
from liverseg.core.limits import is_bomb
from liverseg.errors import InputTooLarge

try:
    from isal import igzip, isal_zlib
except ImportError:  # ISA-L has no build for this platform
    igzip, isal_zlib = gzip, zlib  # type: ignore[misc]

DAMAGE_ERRORS = (gzip.BadGzipFile, zlib.error, isal_zlib.error)
"""Exceptions raised for a stream that is damaged or not gzip. A truncated stream raises EOFError."""

BLOCK_BYTES = 2**21
"""Size of the blocks that are compressed in parallel. Deflate looks back only 32 KiB, so that blocks of
this size cost little compression."""

_LEVEL = 1  # the fastest; probabilities hardly shrink further at higher levels
_GZIP_HEADER = b"\x1f\x8b\x08\0\0\0\0\0\x04\xff"  # without a name and time stamp, for reproducible files
_EMPTY_FINAL_BLOCK = b"\x03\0"  # ends a deflate stream

crc32 = isal_zlib.crc32


# Compression


def zlib_bytes(content: bytes | memoryview | np.ndarray) -> bytes:
    """Compress into the zlib format, which PNG uses.

    >>> zlib.decompress(zlib_bytes(b"liver"))
    b'liver'
    """
    return isal_zlib.compress(content, _LEVEL)


def gzip_bytes(chunks: Iterable[bytes], threads: int | None = None) -> bytes:
    """Compress the concatenated chunks into one gzip member with `threads` threads (None: one per processor).

    The result does not depend on the number of threads.

    >>> gzip.decompress(gzip_bytes([b"liver", b"", b"seg"]))
    b'liverseg'
    """
    threads = threads or usable_processors()
    checksum, size, parts = 0, 0, [_GZIP_HEADER]
    with ThreadPoolExecutor(threads) as pool:
        pending: list[Future[bytes]] = []
        for block in _blocks(chunks):
            pending.append(pool.submit(_deflate_block, block))
            checksum, size = crc32(block, checksum), size + len(block)
            if len(pending) > 2 * threads:  # limits the uncompressed blocks held in memory
                parts.append(pending.pop(0).result())
        parts += [future.result() for future in pending]
    return b"".join([*parts, _EMPTY_FINAL_BLOCK, struct.pack("<II", checksum, size & 0xFFFFFFFF)])


def _blocks(chunks: Iterable[bytes]) -> Iterator[bytes]:
    """Regroup chunks into blocks of at least `BLOCK_BYTES`; only the last may be smaller."""
    held: list[bytes] = []
    size = 0
    for chunk in chunks:
        held.append(chunk)
        size += len(chunk)
        if size >= BLOCK_BYTES:
            yield b"".join(held)
            held, size = [], 0
    if size:
        yield b"".join(held)


def _deflate_block(block: bytes) -> bytes:
    """Compress a block into deflate data that ends at a byte boundary, so that another may follow."""
    compressor = isal_zlib.compressobj(_LEVEL, zlib.DEFLATED, -zlib.MAX_WBITS)
    return compressor.compress(block) + compressor.flush(zlib.Z_FULL_FLUSH)


# Decompression


def open_gzip(stream: BinaryIO) -> gzip.GzipFile:
    """Open a gzip stream of trusted origin; reading raises `DAMAGE_ERRORS` or EOFError."""
    return igzip.GzipFile(fileobj=stream)  # type: ignore[no-untyped-call]


_MAGIC = b"\x1f\x8b"  # starts each member
_FIXED_HEAD_BYTES, _MAX_HEAD_BYTES = 10, 1024**2
_HAS_CHECKSUM, _HAS_EXTRA, _HAS_NAME, _HAS_COMMENT = 2, 4, 8, 16  # flags of the optional fields
_READ_BYTES = 128 * 1024
_FREE_MEMBERS, _MIN_MEMBER_BYTES = 1000, 1024  # members written by bgzip hold 64 kB each


class GzipReader:
    """Sequential reader of a gzip stream of untrusted origin, with one or several members.

    As gunzip does, it ignores bytes after the last member that do not start another one. It decompresses no
    more than requested. `read` raises EOFError where the stream is truncated, `DAMAGE_ERRORS` where it is
    damaged (a wrong checksum is noticed at the end of its member), and InputTooLarge where it expands far
    more than a CT does or consists of almost empty members. With `is_mask` it may expand by any factor, as
    labels do: the caller then bounds what it reads.
    """

    def __init__(self, stream: BinaryIO, is_mask: bool = False) -> None:
        self._stream = stream
        self._is_mask = is_mask
        self._decompressor: Any = None  # of the current member; None before its head is read
        self._pending = b""  # compressed bytes that were read and not yet decompressed
        self._compressed_bytes = self._content_bytes = 0  # totals so far
        self._members = 1
        self._has_ended = False

    def read(self, count: int) -> bytes:
        """The next `count` bytes of the content; fewer only at its end."""
        parts: list[bytes] = []
        while count > 0 and (piece := self._read_some(count)):
            parts.append(piece)
            count -= len(piece)
        return parts[0] if len(parts) == 1 else b"".join(parts)

    def _read_some(self, count: int) -> bytes:
        """Between 1 and `count` bytes of the content; none at its end."""
        while True:
            if self._decompressor is not None and self._decompressor.eof and not self._start_next_member():
                return b""
            if self._decompressor is None:
                self._read_head()
            compressed = self._pending or self._stream.read(_READ_BYTES)
            self._compressed_bytes += 0 if self._pending else len(compressed)
            piece = self._decompressor.decompress(compressed, count)
            self._pending = self._decompressor.unused_data or self._decompressor.unconsumed_tail
            self._content_bytes += len(piece)
            if not self._is_mask and is_bomb(self._content_bytes, self._compressed_bytes):
                raise InputTooLarge("The gzip file unpacks to far more than a CT takes.")
            if piece:
                return piece
            if not compressed and not self._decompressor.eof:
                raise EOFError

    def _start_next_member(self) -> bool:
        """Prepare for the next member and return whether there is one. Zeros between members are padding."""
        self._pending = self._pending.lstrip(b"\0")
        while not self._has_ended and len(self._pending) < len(_MAGIC):
            more = self._stream.read(_READ_BYTES)
            self._compressed_bytes += len(more)
            if not more:
                break
            self._pending = (self._pending + more).lstrip(b"\0")
        if not self._pending.startswith(_MAGIC):
            self._pending, self._has_ended = b"", True
            return False
        self._members += 1
        if self._members > _FREE_MEMBERS + self._content_bytes // _MIN_MEMBER_BYTES:
            raise InputTooLarge("The gzip file is made of far more parts than a CT takes.")
        self._decompressor = None
        return True

    def _read_head(self) -> None:
        """Read the head of a member, of any length, and prepare to decompress what follows.

        ISA-L does not read a head that spans two calls, so that it is given one without optional fields.
        """
        while (length := _head_length(self._pending)) is None:
            more = self._stream.read(_READ_BYTES)
            self._compressed_bytes += len(more)
            self._pending += more
            if not more:
                raise EOFError
            if len(self._pending) > _MAX_HEAD_BYTES:
                raise InputTooLarge("The head of the gzip file is far longer than that of any CT.")
        self._pending = self._pending[length:]
        self._decompressor = isal_zlib.decompressobj(wbits=31)  # verifies the checksum of the member
        self._decompressor.decompress(_GZIP_HEADER)


def _head_length(data: bytes) -> int | None:
    """Length of the head of a gzip member at the start of `data` (RFC 1952); None if more bytes are needed.

    Raises gzip.BadGzipFile if it is not gzip with the deflate method.

    >>> _head_length(gzip.compress(b"liver")), _head_length(gzip.compress(b"liver")[:5])
    (10, None)
    """
    if not (_MAGIC + b"\x08").startswith(data[:3]):
        raise gzip.BadGzipFile("not a gzip member")
    if len(data) < _FIXED_HEAD_BYTES:
        return None
    flags, position = data[3], _FIXED_HEAD_BYTES
    if flags & _HAS_EXTRA:
        position += 2 + int.from_bytes(data[position : position + 2], "little")
    for field in (_HAS_NAME, _HAS_COMMENT):
        if flags & field:
            end = data.find(b"\0", position)
            if end < 0:
                return None
            position = end + 1
    position += 2 * bool(flags & _HAS_CHECKSUM)
    return position if position <= len(data) else None
