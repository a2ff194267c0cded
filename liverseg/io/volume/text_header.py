"""What the text headers of NRRD and MetaImage share: bounded lines, numbers, and where the image lies."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import BinaryIO

from liverseg.errors import InputTooLarge, UnreadableInput
from liverseg.io.volume.voxels import VolumeHeader

_MAX_HEADER_BYTES = 1024**2
_MAX_LINES = 20_000
_MAX_SKIP_BYTES = 16 * 1024**2

PACKINGS = ("raw", "gzip", "zlib", "bzip2")


@dataclass(frozen=True)
class TextHeader:
    """A header in text, and where the image is to be found."""

    volume: VolumeHeader
    packing: str = "raw"  # of `PACKINGS`
    data_name: str | None = None  # the file beside the header that holds the image; None: after the header
    skipped_bytes: int = 0  # before the image in its file; -1: the image is at the file's end
    skips_packed: bool = False  # whether the skipped bytes are packed with the image


def header_lines(stream: BinaryIO, title: str) -> Iterator[str]:
    """The lines of a header without their ends. Raises InputTooLarge for far more text than a header has."""
    read_bytes = 0
    for _ in range(_MAX_LINES):
        line = stream.readline(_MAX_HEADER_BYTES)
        read_bytes += len(line)
        if not line:
            return
        if read_bytes > _MAX_HEADER_BYTES:
            break
        yield line.decode("latin-1").rstrip("\r\n")
    raise InputTooLarge(f"The header of the {title} file is far longer than that of any CT.")


def numbers(text: str, title: str, field: str) -> list[float]:
    """The numbers of a field, which are separated by spaces. Raises UnreadableInput for anything else.

    >>> numbers("0.7 0.8 nan", "NRRD", "spacings")
    [0.7, 0.8, nan]
    """
    try:
        return [float(word) for word in text.split()]
    except ValueError as error:
        raise field_error(title, field) from error


def whole_numbers(text: str, title: str, field: str) -> tuple[int, ...]:
    """The whole numbers of a field, as `numbers`."""
    try:
        return tuple(int(word) for word in text.split())
    except ValueError as error:
        raise field_error(title, field) from error


def field_error(title: str, field: str) -> UnreadableInput:
    """The exception to raise where a field is missing or has an impossible value."""
    return UnreadableInput(f"The {title} header is damaged: {field} is missing or has an impossible value.")


def checked_skip(count: int, title: str, field: str) -> int:
    """A number of bytes to skip, -1 included, if a file can have that many before its image."""
    if not -1 <= count <= _MAX_SKIP_BYTES:
        raise field_error(title, field)
    return count


def checked_name(name: str, title: str) -> str:
    """The name of a data file, if it lies beside the header.

    Raises UnreadableInput for another folder and for an image in several files.

    >>> checked_name("./ct.raw", "NRRD")
    'ct.raw'
    """
    words = name.split()
    if words and (words[0].upper() == "LIST" or "%" in name):
        raise UnreadableInput(
            f"The {title} header names several data files; save the image with its header in one file."
        )
    bare = name.removeprefix("./").removeprefix(".\\")
    if not bare or bare in (".", "..") or any(mark in bare for mark in "/\\\0"):
        raise UnreadableInput(
            f"The {title} header names a data file in another folder; liverseg opens only a file beside it."
        )
    return bare
