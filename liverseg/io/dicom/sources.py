"""Opens DICOM files from a folder, a list of paths, or a zip archive, which is never unpacked to disk."""

from __future__ import annotations

import io
import os
import shutil
import zipfile
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import BinaryIO

from liverseg.core import limits
from liverseg.core.limits import MAX_FILES
from liverseg.errors import InputTooLarge, UnreadableInput
from liverseg.io.sniff import HEAD_BYTES, is_dicom

_CHUNK_BYTES = 1024**2
_COMPRESSION_METHODS = (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED)  # others may need gigabytes for one byte
_TOO_LARGE = "The zip unpacks to far more than a CT series takes."
_DAMAGED = "The zip is damaged, or packed in a way that liverseg does not read."

Opener = Callable[[], BinaryIO]
"""Opens one file; the caller closes it."""


def openers_of(paths: Iterable[Path]) -> list[Opener]:
    """One opener per path. Raises InputTooLarge for more than `MAX_FILES`."""
    openers: list[Opener] = []
    for path in paths:
        if len(openers) == MAX_FILES:
            raise InputTooLarge(f"There are more than {MAX_FILES} files; give the folder of one series.")
        openers.append(lambda path=path: _open_path(path))
    return openers


def files_below(folder: Path) -> Iterator[Path]:
    """Regular files in a folder and its subfolders, in a fixed order; links are not followed."""
    for parent, folders, names in os.walk(folder):
        folders.sort()
        for name in sorted(names):
            path = Path(parent, name)
            if path.is_file() and not path.is_symlink():
                yield path


@contextmanager
def members_of_zip(stream: BinaryIO, size_bytes: int) -> Iterator[list[Opener]]:
    """One opener per member of a zip archive, valid within the context; member paths are ignored.

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
            yield [lambda m=m: _open_member(archive, m) for m in members]
    except (zipfile.BadZipFile, NotImplementedError) as error:
        raise UnreadableInput(_DAMAGED) from error


def _open_path(path: Path) -> BinaryIO:
    if not path.is_file():
        raise UnreadableInput("One of the files given does not exist or is not a file.")
    if path.stat().st_size > limits.MAX_FILE_BYTES:
        raise InputTooLarge("One of the files is larger than 2 GiB.")
    return path.open("rb")


def _open_member(archive: zipfile.ZipFile, member: zipfile.ZipInfo) -> BinaryIO:
    buffer = io.BytesIO()
    with archive.open(member) as packed:
        buffer.write(packed.read(min(HEAD_BYTES, member.file_size)))
        if is_dicom(buffer.getvalue()):
            if member.file_size > limits.MAX_MEMBER_BYTES:
                raise InputTooLarge(_TOO_LARGE)
            shutil.copyfileobj(packed, buffer, _CHUNK_BYTES)  # zipfile returns at most the declared size
    buffer.seek(0)
    return buffer
