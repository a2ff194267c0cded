"""gzip, and zlib's format, by ISA-L: several times as fast as the standard library, which does it elsewhere.

What is unpacked is the same, and any reader of gzip unpacks what is packed here.
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
except ImportError:  # not built for this machine
    igzip, isal_zlib = gzip, zlib  # type: ignore[misc]

DAMAGE = (gzip.BadGzipFile, zlib.error, isal_zlib.error)
"""What is raised for a stream that is no gzip or is damaged; one that ends too early raises EOFError."""

BLOCK_BYTES = 2**21
"""What is packed at once: far more than the 32 KiB that deflate looks back, so that little is lost."""

_LEVEL = 1
_HEAD = b"\x1f\x8b\x08\0\0\0\0\0\x04\xff"  # no name and no time stamp: the same content is the same file
_LAST_BLOCK = b"\x03\0"  # of deflate: empty, and the last one

crc32 = isal_zlib.crc32


def zlib_bytes(content: bytes | memoryview | np.ndarray) -> bytes:
    """Content in zlib's format, as a PNG holds it.

    >>> zlib.decompress(zlib_bytes(b"liver"))
    b'liver'
    """
    return isal_zlib.compress(content, _LEVEL)


def inflater() -> Any:
    """What unpacks one member of a gzip file, checking its sum: an object as `zlib.decompressobj` gives."""
    return isal_zlib.decompressobj(wbits=31)


def unpacked(stream: BinaryIO) -> gzip.GzipFile:
    """A gzip stream, to be read; it raises `DAMAGE`, or EOFError, as it is read."""
    return igzip.GzipFile(fileobj=stream)  # type: ignore[no-untyped-call]


def packed(chunks: Iterable[bytes], threads: int | None = None) -> bytes:
    """The chunks as one gzip member, packed by `threads` at once; None: as many as there are processors.

    The bytes depend on the chunks alone. The level is the fastest: probabilities barely shrink further.

    >>> gzip.decompress(packed([b"liver", b"", b"seg"]))
    b'liverseg'
    """
    threads = threads or usable_processors()
    checksum, size, parts = 0, 0, [_HEAD]
    with ThreadPoolExecutor(threads) as pool:
        waiting: list[Future[bytes]] = []
        for block in _blocks(chunks):
            waiting.append(pool.submit(_deflated, block))
            checksum, size = crc32(block, checksum), size + len(block)
            if len(waiting) > 2 * threads:  # so that few blocks are held
                parts.append(waiting.pop(0).result())
        parts += [future.result() for future in waiting]
    return b"".join([*parts, _LAST_BLOCK, struct.pack("<II", checksum, size & 0xFFFFFFFF)])


def _blocks(chunks: Iterable[bytes]) -> Iterator[bytes]:
    """The same bytes in pieces of `BLOCK_BYTES` or somewhat more."""
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


def _deflated(block: bytes) -> bytes:
    """A block as deflate, ending at a byte, after which others may follow."""
    packer = isal_zlib.compressobj(_LEVEL, zlib.DEFLATED, -zlib.MAX_WBITS)
    return packer.compress(block) + packer.flush(zlib.Z_FULL_FLUSH)


_CHUNK_BYTES = 128 * 1024
_FREE_MEMBERS, _MIN_MEMBER_BYTES = 1000, 1024  # bgzip's have 64 kB each


class Gunzip:
    """An open gzip file whose content is read from the start, of one or several members.

    Never unpacks further than it is asked to. `read` raises EOFError where the file ends too early,
    `liverseg.io.fast_gzip.DAMAGE` where it is damaged (a checksum included, once its member was read to the
    end), and InputTooLarge for what unpacks to far more than a CT or is made of next to empty members.
    """

    def __init__(self, stream: BinaryIO) -> None:
        self._stream = stream
        self._inflater = inflater()
        self._waiting = b""  # packed bytes that were read and not unpacked
        self._packed = self._unpacked = 0  # bytes
        self._members = 1

    def read(self, count: int) -> bytes:
        """The next `count` bytes; fewer only where the content ends."""
        parts: list[bytes] = []
        while count > 0 and (piece := self._more(count)):
            parts.append(piece)
            count -= len(piece)
        return parts[0] if len(parts) == 1 else b"".join(parts)

    def _more(self, count: int) -> bytes:
        """From one to `count` bytes; none at the end."""
        while True:
            if self._inflater.eof and not self._next_member():
                return b""
            packed = self._waiting or self._stream.read(_CHUNK_BYTES)
            self._packed += 0 if self._waiting else len(packed)
            piece = self._inflater.decompress(packed, count)
            self._waiting = self._inflater.unused_data or self._inflater.unconsumed_tail
            self._unpacked += len(piece)
            if is_bomb(self._unpacked, self._packed):
                raise InputTooLarge("The gzip file unpacks to far more than a CT takes.")
            if piece:
                return piece
            if not packed and not self._inflater.eof:
                raise EOFError

    def _next_member(self) -> bool:
        """Whether there is another member; zeros behind one are padding, as on tapes."""
        while True:
            self._waiting = self._waiting.lstrip(b"\0")
            if self._waiting:
                break
            self._waiting = self._stream.read(_CHUNK_BYTES)
            self._packed += len(self._waiting)
            if not self._waiting:
                return False
        self._members += 1
        if self._members > _FREE_MEMBERS + self._unpacked // _MIN_MEMBER_BYTES:
            raise InputTooLarge("The gzip file is made of far more parts than a CT takes.")
        self._inflater = inflater()
        return True
