"""Where DICOM files come from: a folder, a list of paths, or a zip archive, never unpacked to disk."""

from __future__ import annotations

import io
import os
import zipfile
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import BinaryIO

from liverseg import limits
from liverseg.errors import InputTooLarge, UnreadableInput

MAX_FILES = 10_000
"""Largest number of files in a folder, list or zip that are looked at."""

MAX_UNPACKED_RATIO = 200
"""A zip that unpacks to more than this many times its size is refused; CT stays below 10,
and a series of nothing but air below 100."""

Opener = Callable[[], BinaryIO]
"""Opens one file; what it gives is closed after use."""


def openers_of(paths: Iterable[Path]) -> list[Opener]:
    """One opener a path. Raises InputTooLarge for more than `MAX_FILES`."""
    openers: list[Opener] = []
    for path in paths:
        if len(openers) == MAX_FILES:
            raise InputTooLarge(f"There are more than {MAX_FILES} files; give the folder of one series.")
        openers.append(lambda path=path: _open_path(path))
    return openers


def files_below(folder: Path) -> Iterator[Path]:
    """Regular files in a folder and the folders in it, in a fixed order; links are not followed."""
    for parent, folders, names in os.walk(folder):
        folders.sort()
        for name in sorted(names):
            path = Path(parent, name)
            if path.is_file() and not path.is_symlink():
                yield path


@contextmanager
def members_of_zip(stream: BinaryIO, size_bytes: int) -> Iterator[list[Opener]]:
    """One opener a member of a zip archive, valid within the context; their paths are ignored.

    Raises InputTooLarge for too many members, too many bytes or an absurd ratio, before unpacking.
    """
    try:
        with zipfile.ZipFile(stream) as archive:
            members = [m for m in archive.infolist() if not m.is_dir()]
            total = sum(m.file_size for m in members)
            if len(members) > MAX_FILES:
                raise InputTooLarge(
                    f"The zip holds more than {MAX_FILES} files; zip the folder of one series."
                )
            if total > limits.MAX_FILE_BYTES or total > MAX_UNPACKED_RATIO * size_bytes:
                raise InputTooLarge("The zip unpacks to far more than a CT series takes.")
            if any(m.flag_bits & 1 for m in members):
                raise UnreadableInput("The zip is encrypted; save it without a password.")
            yield [lambda m=m: _open_member(archive, m) for m in members]
    except (zipfile.BadZipFile, NotImplementedError) as error:
        raise UnreadableInput(
            "The zip is damaged, or packed in a way that liverseg does not read."
        ) from error


def _open_path(path: Path) -> BinaryIO:
    if not path.is_file():
        raise UnreadableInput("One of the files given does not exist or is not a file.")
    if path.stat().st_size > limits.MAX_FILE_BYTES:
        raise InputTooLarge("One of the files is larger than 2 GiB.")
    return path.open("rb")


def _open_member(archive: zipfile.ZipFile, member: zipfile.ZipInfo) -> BinaryIO:
    with archive.open(member) as packed:
        buffer = io.BytesIO(packed.read(member.file_size))  # no more than was declared and counted
        if packed.read(1):
            raise UnreadableInput("The zip is damaged: a file in it is longer than declared.")
    return buffer
