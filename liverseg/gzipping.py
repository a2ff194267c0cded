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

from liverseg.engines.threads import usable_processors

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
