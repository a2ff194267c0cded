"""Finds the CT series among many DICOM files by their headers, and reads one of them."""

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
from liverseg.io.dicom.choose import choose_volume, series_infos
from liverseg.io.dicom.dataset import (
    NoImage,
    is_ct_class,
    is_secondary_capture,
    open_dataset,
    refuse_unless_ct,
)
from liverseg.io.dicom.file import build_image
from liverseg.io.dicom.series_info import SeriesInfo
from liverseg.io.dicom.slices import Slice, slices_of
from liverseg.io.dicom.sources import Opener
from liverseg.io.dicom.volumes import Volume, group_into_volumes
from liverseg.io.sniff import HEAD_BYTES, is_dicom

_HASH_CHUNK_BYTES = 1024**2


@dataclass(frozen=True)
class SeriesListing:
    """The CT volumes among files."""

    ct_volumes: list[Volume]
    files_left_out: int  # files that are not a CT slice


def read_series(openers: list[Opener], window: Window, series: int | None = None) -> CTImage:
    """The only CT series among files, or the one with number `series` (from 1), as a CTImage in HU.

    Left out with a warning: files that are not DICOM, DICOM without an image (a DICOMDIR, raw data, reports),
    images that are not CT slices (localizers, other modalities), and secondary captures beside CT images,
    which are copies of a screen. `group_into_volumes` groups the slices, `choose` selects a volume. The
    sha256 of the image is taken over the sorted sha256 digests of the files used.

    Raises SeriesChoice if several series qualify, UnreadableInput for no series, an irregular one, or one
    with a damaged file, and NotCT if the only images are not CT.
    """
    listing = list_volumes(openers)
    chosen, warnings = choose_volume(listing.ct_volumes, series)
    digests: list[str] = []
    with _one_file_of_the_series():
        image = build_image(
            [one.frame for one in chosen.slices],
            chosen.stack,
            _datasets(chosen.slices, openers, digests),
            window,
        )
    digest = hashlib.sha256("".join(sorted(digests)).encode()).hexdigest()
    left_out = _left_out_warnings(listing.files_left_out)
    return replace(image, sha256=digest, warnings=(*image.warnings, *left_out, *warnings))


def series_among(openers: list[Opener]) -> tuple[SeriesInfo, ...]:
    """Describes each CT series among files. Raises as `read_series`, except for SeriesChoice."""
    return series_infos(list_volumes(openers).ct_volumes)


def list_volumes(openers: list[Opener]) -> SeriesListing:
    """The CT volumes among files. Reads headers only, and pixels only to compare slices at one position.

    Raises NotCT or UnreadableInput if there is no CT slice.
    """
    slices: list[Slice] = []
    captures: list[Slice] = []
    capture_files = left_out = 0
    refusal: NotCT | None = None
    for file, opener in enumerate(openers):
        with opener() as stream:
            if not is_dicom(stream.read(HEAD_BYTES)):
                left_out += 1
                continue
            stream.seek(0)
            try:
                with _one_file_of_the_series():
                    dataset, own = read_slice_headers(stream, file)
            except (NotCT, NoImage) as error:
                refusal = refusal or (error if isinstance(error, NotCT) else None)
                left_out += 1
                continue
        capture_files += is_secondary_capture(dataset)
        (captures if is_secondary_capture(dataset) else slices).extend(own)
    if not slices and not captures:
        raise refusal or UnreadableInput("There is no DICOM CT image in the folder, list or zip.")
    if slices:
        left_out += capture_files
    pixels = PixelComparison(openers)
    return SeriesListing(group_into_volumes(slices or captures, pixels.are_same), left_out)


def read_slice_headers(stream: BinaryIO, file: int) -> tuple[pydicom.Dataset, list[Slice]]:
    """The header of a DICOM file, without pixels, and the CT slices in it. `file` becomes `Slice.file`.

    Raises NotCT or NoImage for a file that does not belong to a CT series, UnreadableInput for a damaged one.
    """
    dataset = open_dataset(stream, pixels=False)
    refuse_unless_ct(dataset, pixels=False)
    if not is_ct_class(dataset):  # other classes may be valid without pixels
        stream.seek(0)
        refuse_unless_ct(open_dataset(stream))
    return dataset, slices_of(dataset, file)


class PixelComparison:
    """Compares the stored pixels of slices; reads each file at most once."""

    def __init__(self, openers: list[Opener]) -> None:
        self._openers = openers
        self._digests: dict[int, bytes] = {}

    def are_same(self, one: Slice, other: Slice) -> bool:
        """Whether two slices of different single-frame files have equal pixels and rescale."""
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


def _left_out_warnings(count: int) -> tuple[str, ...]:
    if count == 1:
        return ("1 file that is not a CT slice of the series was left out.",)
    return (f"{count} files that are not CT slices of the series were left out.",) if count else ()


@contextmanager
def _one_file_of_the_series() -> Iterator[None]:
    """Prefix the reason of an UnreadableInput with the fact that it concerns one file of a series."""
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
    except Exception as error:  # as in `liverseg.read`: pydicom raises many exceptions on damaged bytes
        raise UnreadableInput("One file of the series is truncated or damaged.") from error


def _datasets(
    slices: tuple[Slice, ...], openers: list[Opener], digests: list[str]
) -> Iterator[tuple[pydicom.Dataset, dict[int, int]]]:
    """Each file of the slices, with {frame number: index of the slice}. Appends its sha256 to `digests`."""
    by_file: dict[int, dict[int, int]] = {}
    for index, one in enumerate(slices):
        by_file.setdefault(one.file, {})[one.number] = index
    for file, indices in by_file.items():
        with openers[file]() as stream:
            digests.append(_sha256(stream))
            stream.seek(0)
            dataset = open_dataset(stream)
        refuse_unless_ct(dataset)
        yield dataset, indices


def _sha256(stream: BinaryIO) -> str:
    digest = hashlib.sha256()
    while chunk := stream.read(_HASH_CHUNK_BYTES):
        digest.update(chunk)
    return digest.hexdigest()
