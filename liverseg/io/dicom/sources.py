"""Opens DICOM files from a folder, a list of paths, or a zip archive, which is never unpacked to disk."""

from __future__ import annotations

import io
import shutil
import struct
import zipfile
import zlib
from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import BinaryIO

from liverseg.core import limits
from liverseg.core.limits import MAX_FILES
from liverseg.errors import InputTooLarge, UnreadableInput
from liverseg.io.folder import entries_below
from liverseg.io.sniff import HEAD_BYTES, is_dicom

_CHUNK_BYTES = 1024**2
_COMPRESSION_METHODS = (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED)  # others may need gigabytes for one byte
_TOO_LARGE = "The zip unpacks to far more than a CT series takes."
_DAMAGES = (  # what `zipfile` raises for damaged members; OSError and ValueError for impossible offsets
    *(zipfile.BadZipFile, zlib.error, struct.error, EOFError, NotImplementedError),
    *(OSError, ValueError, RuntimeError, OverflowError),
)
_DAMAGED = "The zip is damaged, or packed in a way that liverseg does not read."


class ZipBomb(InputTooLarge):
    """A member of a zip that unpacks to far too much; the whole zip is refused."""


Opener = Callable[[], BinaryIO]
"""Opens one file; the caller closes it."""


@dataclass(frozen=True)
class Files:
    """The files of an input, and what else is in the folder it comes from."""

    openers: list[Opener]
    place: str  # "folder" | "list" | "zip"
    skipped: Counter[str] = field(default_factory=Counter)  # `folder.Entry.skipped` and how often


def files_of_list(paths: Iterable[Path]) -> Files:
    """The files at the given paths.

    Raises InputTooLarge for more than `MAX_FILES`, and UnreadableInput for a path that is not a file.
    """

    def checked() -> Iterator[Path]:
        for path in paths:
            if not path.is_file():
                raise UnreadableInput("One of the files given does not exist or is not a file.")
            yield path

    return Files(_openers_of(checked()), "list")


def files_of_folder(folder: Path) -> Files:
    """The files below a folder (`folder.entries_below`). Raises InputTooLarge for more than `MAX_FILES`."""
    skipped: Counter[str] = Counter()

    def paths() -> Iterator[Path]:
        for entry in entries_below(folder):
            if entry.skipped:
                skipped[entry.skipped] += 1
            else:
                yield entry.path

    return Files(_openers_of(paths()), "folder", skipped)


def _openers_of(paths: Iterable[Path]) -> list[Opener]:
    openers: list[Opener] = []
    for path in paths:
        if len(openers) == MAX_FILES:
            raise InputTooLarge(f"There are more than {MAX_FILES} files; give the folder of one series.")
        openers.append(partial(path.open, "rb"))
    return openers


@contextmanager
def members_of_zip(stream: BinaryIO, size_bytes: int) -> Iterator[Files]:
    """The members of a zip archive, which can be opened within the context; member paths are ignored.

    Raises InputTooLarge before unpacking for too many members, too many bytes or an implausible compression
    ratio, and UnreadableInput for an encrypted or damaged archive. Only the beginning of a member that is not
    a DICOM file is unpacked.
    """
    try:
        with zipfile.ZipFile(stream) as archive:
            members = [m for m in archive.infolist() if not m.is_dir()]
            total = sum(m.file_size for m in members)
            if len(members) > MAX_FILES:
                raise InputTooLarge(
                    f"The zip holds more than {MAX_FILES} files; zip the folder of one series."
                )
            if total > limits.MAX_FILE_BYTES or total > limits.MAX_UNPACKED_RATIO * size_bytes:
                raise InputTooLarge(_TOO_LARGE)
            if any(limits.is_bomb(m.file_size, m.compress_size) for m in members):
                raise InputTooLarge(_TOO_LARGE)
            if any(m.flag_bits & 1 for m in members):
                raise UnreadableInput("The zip is encrypted; save it without a password.")
            overlapping = sum(m.compress_size for m in members) > size_bytes
            if overlapping or any(m.compress_type not in _COMPRESSION_METHODS for m in members):
                raise UnreadableInput(_DAMAGED)
            yield Files([lambda m=m: _open_member(archive, m) for m in members], "zip")
    except (zipfile.BadZipFile, NotImplementedError) as error:
        raise UnreadableInput(_DAMAGED) from error


def _open_member(archive: zipfile.ZipFile, member: zipfile.ZipInfo) -> BinaryIO:
    buffer = io.BytesIO()
    try:
        with archive.open(member) as packed:
            buffer.write(packed.read(min(HEAD_BYTES, member.file_size)))
            if is_dicom(buffer.getvalue()):
                if member.file_size > limits.MAX_MEMBER_BYTES:
                    raise ZipBomb(_TOO_LARGE)
                shutil.copyfileobj(packed, buffer, _CHUNK_BYTES)  # zipfile returns at most the declared size
    except _DAMAGES as error:
        raise UnreadableInput("The zip is damaged at this file.") from error
    buffer.seek(0)
    return buffer
