"""A DICOM series: a folder, a list of paths, or a zip archive, which is never unpacked to disk."""

from __future__ import annotations

import hashlib
import io
import os
import zipfile
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import BinaryIO

import pydicom

from liverseg import limits
from liverseg.ct import CTImage
from liverseg.errors import InputTooLarge, LiversegError, NotCT, UnreadableInput
from liverseg.reading.checks import check_shape
from liverseg.reading.dicom_dataset import NoImage, is_capture, is_ct_class, open_dataset, refuse_unless_ct
from liverseg.reading.dicom_file import build_image
from liverseg.reading.dicom_stack import Frame, frames_of, stack
from liverseg.reading.sniff import HEAD_BYTES, sniff
from liverseg.windowing import Window

MAX_FILES = 5000
"""Largest number of files in a folder, list or zip that are looked at."""

MAX_UNPACKED_RATIO = 200
"""A zip that unpacks to more than this many times its size is refused; CT stays below 10,
and a series of nothing but air below 100."""

Loader = Callable[[], bytes]
_Entry = tuple[Loader, list[Frame], str]  # of one file: how to load it, its frames, its sha256


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

    Files that are not DICOM, DICOM without an image (a DICOMDIR, raw data, reports) and images that
    are not axial CT (localizers) are left out with a warning, and so are secondary captures beside true
    CT slices, for these are screens. Raises UnreadableInput for no or several
    CT series, an irregular one, or one with a damaged file. The sha256 is that over the sorted sha256
    digests of the files used.
    """
    series: dict[str, list[_Entry]] = {}
    captures: dict[str, list[_Entry]] = {}
    refusal: NotCT | None = None
    left_out = 0
    for load in loaders:
        data = load()
        if not _is_dicom(data):
            left_out += 1
            continue
        try:
            with _one_file_of_the_series():
                dataset = open_dataset(data, pixels=False)
                refuse_unless_ct(dataset, pixels=False)
                if not is_ct_class(dataset):  # others may have no pixels, and be whole
                    refuse_unless_ct(open_dataset(data))
                frames = frames_of(dataset)
        except (NotCT, NoImage) as error:
            refusal = refusal or (error if isinstance(error, NotCT) else None)
            left_out += 1
            continue
        check_shape(len(frames), int(dataset.Rows), int(dataset.Columns))
        entry = (load, frames, hashlib.sha256(data).hexdigest())
        kind = captures if is_capture(dataset) else series
        kind.setdefault(str(dataset.get("SeriesInstanceUID") or ""), []).append(entry)
    if series:
        left_out += sum(map(len, captures.values()))
    series = series or captures
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
    arranged = stack(frames)
    with _one_file_of_the_series():
        image = build_image(frames, arranged, _datasets(chosen), window)
    digest = hashlib.sha256("".join(sorted(d for _, _, d in chosen)).encode()).hexdigest()
    return replace(image, sha256=digest, warnings=(*image.warnings, *_left_out(left_out)))


def _left_out(count: int) -> tuple[str, ...]:
    if count == 1:
        return ("1 file that is not a CT slice of the series was left out.",)
    return (f"{count} files that are not CT slices of the series were left out.",) if count else ()


@contextmanager
def _one_file_of_the_series() -> Iterator[None]:
    """Say of what cannot be read that it is one file of several, and keep the reason."""
    try:
        yield
    except NoImage:
        raise
    except UnreadableInput as error:
        reason = str(error)
        raise UnreadableInput(
            f"One file of the series cannot be read: {reason[0].lower()}{reason[1:]}"
        ) from error
    except (LiversegError, OSError, MemoryError, zipfile.BadZipFile):
        raise
    except Exception as error:  # as in `liverseg.read`: pydicom raises many kinds on damaged bytes
        raise UnreadableInput("One file of the series is truncated or damaged.") from error


def _datasets(
    chosen: list[_Entry],
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
