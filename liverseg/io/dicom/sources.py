"""Opens files from a folder, a list of paths, or a zip archive, which is never unpacked to disk."""

from __future__ import annotations

import io
import os
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

    openers: list[Opener]  # of a file in a zip that is not DICOM, its beginning alone
    place: str  # "folder" | "list" | "zip"
    names: list[str]  # the path in the folder or zip, with /; of a list, the name alone
    open_whole: Callable[
        [int], tuple[BinaryIO, int]
    ]  # by number: the stream of a file, and its size in bytes
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

    return _files_at(list(_bounded(checked())), "list")


def files_of_folder(folder: Path) -> Files:
    """The files below a folder (`folder.entries_below`). Raises InputTooLarge for more than `MAX_FILES`."""
    skipped: Counter[str] = Counter()

    def paths() -> Iterator[Path]:
        for entry in entries_below(folder):
            if entry.skipped:
                skipped[entry.skipped] += 1
            else:
                yield entry.path

    found = list(_bounded(paths()))
    names = [Path(os.path.relpath(path, folder)).as_posix() for path in found]
    return _files_at(found, "folder", names, skipped)


def _bounded(paths: Iterable[Path]) -> Iterator[Path]:
    for count, path in enumerate(paths):
        if count == MAX_FILES:
            raise InputTooLarge(f"There are more than {MAX_FILES} files; give the folder of one series.")
        yield path


def _files_at(
    paths: list[Path], place: str, names: list[str] | None = None, skipped: Counter[str] | None = None
) -> Files:
    """Files on disk; their `names` are those of the paths if none are given."""
    return Files(
        [partial(path.open, "rb") for path in paths],
        place,
        [path.name for path in paths] if names is None else names,
        lambda number: open_with_size(paths[number]),
        Counter() if skipped is None else skipped,
    )


def open_with_size(path: Path) -> tuple[BinaryIO, int]:
    """A file and its size in bytes. Raises InputTooLarge for more than `limits.MAX_FILE_BYTES`."""
    stream = path.open("rb")
    size_bytes = os.fstat(stream.fileno()).st_size
    if size_bytes > limits.MAX_FILE_BYTES:
        stream.close()
        raise InputTooLarge("The file is larger than 2 GiB.")
    return stream, size_bytes


@contextmanager
def members_of_zip(stream: BinaryIO, size_bytes: int) -> Iterator[Files]:
    """The members of a zip archive, which can be opened within the context; member paths are ignored.

    Raises InputTooLarge before unpacking for too many members, too many bytes or an implausible compression
    ratio, and UnreadableInput for an encrypted or damaged archive. Only the beginning of a member that is not
    a DICOM file is unpacked by its opener.
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
            yield Files(
                [lambda m=m: _open_member(archive, m) for m in members],
                "zip",
                [m.filename.replace("\\", "/") for m in members],
                lambda number: (archive.open(members[number]), members[number].file_size),  # type: ignore[arg-type,return-value]
            )
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
