"""The CT series among DICOM files: found by their headers, one of them read."""

from __future__ import annotations

import hashlib
import zipfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from typing import BinaryIO

import pydicom

from liverseg.core.image import CTImage
from liverseg.core.window import Window
from liverseg.errors import LiversegError, NotCT, UnreadableInput
from liverseg.io.dicom.choose import choose, infos
from liverseg.io.dicom.dataset import NoImage, is_capture, is_ct_class, open_dataset, refuse_unless_ct
from liverseg.io.dicom.file import build_image
from liverseg.io.dicom.series_info import SeriesInfo
from liverseg.io.dicom.slices import Slice, slices_of
from liverseg.io.dicom.sources import Opener
from liverseg.io.dicom.volumes import Volume, volumes
from liverseg.io.sniff import HEAD_BYTES, is_dicom

_HASH_CHUNK_BYTES = 1024**2


@dataclass(frozen=True)
class Found:
    """What is among files."""

    volumes: list[Volume]
    left_out: int  # files that are no CT slice


def read_series(openers: list[Opener], window: Window, series: int | None = None) -> CTImage:
    """The one CT series among files, or the one of number `series`, as a CTImage in HU.

    Files that are not DICOM, DICOM without an image (a DICOMDIR, raw data, reports) and images that are
    not CT slices (localizers, other modalities) are left out with a warning, and so are secondary
    captures beside true CT slices, for these are screens. `dicom_volumes` says what belongs together,
    `dicom_choice` which is taken. Raises SeriesChoice where several may be meant, UnreadableInput for
    none, an irregular one, or one with a damaged file. The sha256 is that over the sorted sha256 digests
    of the files used.
    """
    found = scan(openers)
    chosen, notes = choose(found.volumes, series)
    digests: list[str] = []
    with _one_file_of_the_series():
        image = build_image(
            [one.frame for one in chosen.slices],
            chosen.arranged,
            _datasets(chosen.slices, openers, digests),
            window,
        )
    digest = hashlib.sha256("".join(sorted(digests)).encode()).hexdigest()
    return replace(image, sha256=digest, warnings=(*image.warnings, *_left_out(found.left_out), *notes))


def series_among(openers: list[Opener]) -> tuple[SeriesInfo, ...]:
    """What is told of each CT series among files. Raises as `read_series` does, but for no choice."""
    return infos(scan(openers).volumes)


def scan(openers: list[Opener]) -> Found:
    """The CT volumes among files, by their headers alone."""
    slices: list[Slice] = []
    captures: list[Slice] = []
    captured_files = left_out = 0
    refusal: NotCT | None = None
    for file, opened in enumerate(openers):
        with opened() as stream:
            if not is_dicom(stream.read(HEAD_BYTES)):
                left_out += 1
                continue
            stream.seek(0)
            try:
                with _one_file_of_the_series():
                    dataset, own = slices_in(stream, file)
            except (NotCT, NoImage) as error:
                refusal = refusal or (error if isinstance(error, NotCT) else None)
                left_out += 1
                continue
        captured_files += is_capture(dataset)
        (captures if is_capture(dataset) else slices).extend(own)
    if not slices and not captures:
        raise refusal or UnreadableInput("There is no DICOM CT image in the folder, list or zip.")
    if slices:
        left_out += captured_files
    pixels = Pixels(openers)
    return Found(volumes(slices or captures, pixels.are_same), left_out)


def slices_in(stream: BinaryIO, file: int) -> tuple[pydicom.Dataset, list[Slice]]:
    """The header of a DICOM file, without pixels, and the CT slices in it, numbered as of `file`.

    Raises NotCT or NoImage for what is left out of a series, and UnreadableInput.
    """
    dataset = open_dataset(stream, pixels=False)
    refuse_unless_ct(dataset, pixels=False)
    if not is_ct_class(dataset):  # others may have no pixels, and be whole
        stream.seek(0)
        refuse_unless_ct(open_dataset(stream))
    return dataset, slices_of(dataset, file)


class Pixels:
    """Whether two slices store the same pixels; each file is looked at once."""

    def __init__(self, openers: list[Opener]) -> None:
        self._openers = openers
        self._digests: dict[int, bytes] = {}

    def are_same(self, one: Slice, other: Slice) -> bool:
        if one.file == other.file or one.number or other.number or one.frame.rescale != other.frame.rescale:
            return False
        return self._digest(one.file) == self._digest(other.file)

    def _digest(self, file: int) -> bytes:
        if file not in self._digests:
            with self._openers[file]() as stream, _one_file_of_the_series():
                dataset = open_dataset(stream)
                refuse_unless_ct(dataset)
                self._digests[file] = hashlib.sha256(dataset.PixelData).digest()
        return self._digests[file]


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
    slices: tuple[Slice, ...], openers: list[Opener], digests: list[str]
) -> Iterator[tuple[pydicom.Dataset, dict[int, int]]]:
    """Each file of the slices with {frame of the file: index of the slice}; adds its sha256 to `digests`."""
    by_file: dict[int, dict[int, int]] = {}
    for index, one in enumerate(slices):
        by_file.setdefault(one.file, {})[one.number] = index
    for file, wanted in by_file.items():
        with openers[file]() as stream:
            digests.append(_sha256(stream))
            stream.seek(0)
            dataset = open_dataset(stream)
        refuse_unless_ct(dataset)
        yield dataset, wanted


def _sha256(stream: BinaryIO) -> str:
    digest = hashlib.sha256()
    while chunk := stream.read(_HASH_CHUNK_BYTES):
        digest.update(chunk)
    return digest.hexdigest()
