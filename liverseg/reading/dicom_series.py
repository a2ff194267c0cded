"""A DICOM series: a folder, a list of paths, or a zip archive, which is never unpacked to disk."""

from __future__ import annotations

import hashlib
import io
import os
import zipfile
from collections.abc import Callable, Iterable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import BinaryIO

import pydicom

from liverseg import limits
from liverseg.ct import CTImage
from liverseg.errors import InputTooLarge, NotCT, UnreadableInput
from liverseg.reading.checks import check_shape
from liverseg.reading.dicom_dataset import open_dataset, refuse_unless_ct
from liverseg.reading.dicom_file import build_image
from liverseg.reading.dicom_stack import Frame, frames_of
from liverseg.reading.sniff import HEAD_BYTES, sniff
from liverseg.windowing import Window

MAX_FILES = 5000
"""Largest number of files in a folder, list or zip that are looked at."""

MAX_UNPACKED_RATIO = 200
"""A zip that unpacks to more than this many times its size is refused; CT stays below 10,
and a series of nothing but air below 100."""

Loader = Callable[[], bytes]


def read_dicom_paths(paths: Iterable[Path], window: Window) -> CTImage:
    """The CT series in these files. See `read_series`."""
    loaders: list[Loader] = []
    for path in paths:
        if len(loaders) == MAX_FILES:
            raise InputTooLarge(f"There are more than {MAX_FILES} files; give the folder of one series.")
        loaders.append(lambda path=path: _load_path(path))
    return read_series(loaders, window)


def files_below(folder: Path) -> Iterator[Path]:
    """Regular files in a folder and the folders in it, in a fixed order; links are not followed."""
    for parent, folders, names in os.walk(folder):
        folders.sort()
        for name in sorted(names):
            path = Path(parent, name)
            if path.is_file() and not path.is_symlink():
                yield path


def read_dicom_zip(stream: BinaryIO, size_bytes: int, window: Window) -> CTImage:
    """The CT series in a zip archive. Members are read in memory, and their paths are ignored.

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
            return read_series([lambda m=m: _load_member(archive, m) for m in members], window)
    except (zipfile.BadZipFile, NotImplementedError) as error:
        raise UnreadableInput(
            "The zip is damaged, or packed in a way that liverseg does not read."
        ) from error


def read_series(loaders: list[Loader], window: Window) -> CTImage:
    """The one CT series among files, as a CTImage in HU, its slices sorted from feet to head.

    Files that are not DICOM, and DICOM that is not an axial CT (localizers, reports), are left out
    with a warning. Raises UnreadableInput for no or several CT series or an irregular one. The
    sha256 is that over the sorted sha256 digests of the files used.
    """
    series: dict[str, list[tuple[Loader, list[Frame], str]]] = {}
    refusal: NotCT | None = None
    left_out = 0
    for load in loaders:
        data = load()
        if not _is_dicom(data):
            left_out += 1
            continue
        try:
            dataset = open_dataset(data, pixels=False)
            refuse_unless_ct(dataset, pixels=False)
        except NotCT as error:
            refusal = refusal or error
            left_out += 1
            continue
        frames = frames_of(dataset)
        check_shape(len(frames), int(dataset.Rows), int(dataset.Columns))
        entry = (load, frames, hashlib.sha256(data).hexdigest())
        series.setdefault(str(dataset.get("SeriesInstanceUID") or ""), []).append(entry)
    if not series:
        raise refusal or UnreadableInput("There is no DICOM CT image in the folder, list or zip.")
    if len(series) > 1:
        sizes = ", ".join(str(sum(len(frames) for _, frames, _ in s)) for s in series.values())
        raise UnreadableInput(
            f"There are {len(series)} CT series (of {sizes} slices); give the files of one."
        )
    (chosen,) = series.values()
    frames = [frame for _, part, _ in chosen for frame in part]
    check_shape(len(frames), frames[0].rows, frames[0].columns)
    image = build_image(frames, _datasets(chosen), window)
    digest = hashlib.sha256("".join(sorted(d for _, _, d in chosen)).encode()).hexdigest()
    noted = (f"{left_out} files that are not CT slices of the series were left out.",) if left_out else ()
    return replace(image, sha256=digest, warnings=image.warnings + noted)


def _datasets(
    chosen: list[tuple[Loader, list[Frame], str]],
) -> Iterator[tuple[pydicom.Dataset, range]]:
    first = 0
    for load, frames, _ in chosen:
        dataset = open_dataset(load())
        refuse_unless_ct(dataset)
        yield dataset, range(first, first + len(frames))
        first += len(frames)


def _is_dicom(data: bytes) -> bool:
    try:
        return sniff(data[:HEAD_BYTES]) == "dicom"
    except UnreadableInput:
        return False


def _load_path(path: Path) -> bytes:
    if not path.is_file():
        raise UnreadableInput("One of the files given does not exist or is not a file.")
    if path.stat().st_size > limits.MAX_FILE_BYTES:
        raise InputTooLarge("One of the files is larger than 2 GiB.")
    return path.read_bytes()


def _load_member(archive: zipfile.ZipFile, member: zipfile.ZipInfo) -> bytes:
    with archive.open(member) as packed:
        buffer = io.BytesIO(packed.read(member.file_size))  # no more than was declared and counted
        if packed.read(1):
            raise UnreadableInput("The zip is damaged: a file in it is longer than declared.")
    return buffer.getvalue()
