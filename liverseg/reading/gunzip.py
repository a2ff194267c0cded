"""gzip unpacked as it is read, with the bounds that `gzip.GzipFile` does not have."""

from __future__ import annotations

from typing import BinaryIO

from liverseg.errors import InputTooLarge
from liverseg.gzipping import inflater
from liverseg.limits import is_bomb

_CHUNK_BYTES = 128 * 1024
_FREE_MEMBERS, _MIN_MEMBER_BYTES = 1000, 1024  # bgzip's have 64 kB each


class Gunzip:
    """An open gzip file whose content is read from the start, of one or several members.

    Never unpacks further than it is asked to. `read` raises EOFError where the file ends too early,
    `liverseg.gzipping.DAMAGE` where it is damaged (a checksum included, once its member was read to the
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
