"""Finds the CT series among many DICOM files by their headers, and reads one of them."""

from __future__ import annotations

import hashlib
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from typing import BinaryIO

import pydicom

from liverseg.core.image import CTImage
from liverseg.core.window import Window
from liverseg.errors import InputTooLarge, LiversegError, NotCT, SeriesChoice, UnreadableInput
from liverseg.io.dicom.choose import choose_volume, series_infos
from liverseg.io.dicom.contents import (
    DICOM_WITHOUT_IMAGE,
    OTHER_DICOM_IMAGE,
    no_ct_sentence,
    skipped_warnings,
)
from liverseg.io.dicom.dataset import NoImage, is_secondary_capture, open_dataset, refuse_unless_ct
from liverseg.io.dicom.file import build_image
from liverseg.io.dicom.pixel_comparison import PixelComparison
from liverseg.io.dicom.series_info import SeriesInfo
from liverseg.io.dicom.slice_headers import as_refusal, read_slice_headers
from liverseg.io.dicom.slices import Slice, undescribed_slice
from liverseg.io.dicom.sources import Files, Opener, ZipBomb
from liverseg.io.dicom.volumes import Volume, group_into_volumes, unread_files, with_doubt
from liverseg.io.sniff import HEAD_BYTES, VOLUME_KINDS, describe, kind_of

_HASH_CHUNK_BYTES = 1024**2


class NoDicomCT(UnreadableInput):
    """There is no DICOM CT image among files; `volume_files` are the volume files of other formats there."""

    def __init__(self, message: str, volume_files: tuple[tuple[int, str], ...] = ()) -> None:
        super().__init__(message)
        self.volume_files = volume_files  # number and kind (`sniff.VOLUME_KINDS`) of each


@dataclass(frozen=True)
class SeriesListing:
    """The CT volumes among files."""

    ct_volumes: list[Volume]
    files_left_out: int  # files that are not a CT slice


@dataclass
class _Sorted:
    """The files of an input, sorted by what is in them."""

    slices: list[Slice] = field(default_factory=list)
    captures: list[Slice] = field(default_factory=list)  # slices of secondary captures
    capture_files: int = 0
    others: Counter[str] = field(default_factory=Counter)  # what else is there, and how often
    volume_files: list[tuple[int, str]] = field(default_factory=list)  # number and kind, as NIfTI
    not_ct: NotCT | None = None  # why the first image of another kind is refused


def read_series(files: Files, window: Window, series: int | None = None) -> CTImage:
    """The only CT series among files, or the one with number `series` (from 1), as a CTImage in HU.

    Left out with a warning: files that are not DICOM, DICOM without an image (a DICOMDIR, raw data, reports),
    images that are not CT slices (localizers, other modalities), and secondary captures beside CT images,
    which are copies of a screen. `group_into_volumes` groups the slices, `choose` selects a volume. The
    sha256 of the image is taken over the sorted sha256 digests of the files used.

    Raises SeriesChoice if several series qualify, or if the one that qualifies cannot be read but another
    can; NoDicomCT for no series; UnreadableInput for an irregular one or one with a damaged file; NotCT if
    the only images are not CT.
    """
    listing = list_volumes(files)
    chosen, warnings = choose_volume(listing.ct_volumes, series)
    digests: list[str] = []
    try:
        with _one_file_of_the_series():
            image = build_image(
                [one.frame for one in chosen.slices],
                chosen.stack,
                _datasets(chosen.slices, files.openers, digests),
                window,
            )
    except (UnreadableInput, InputTooLarge, NotCT) as error:
        if series is None:
            _offer_others(listing.ct_volumes, chosen, error)
        raise
    digest = hashlib.sha256("".join(sorted(digests)).encode()).hexdigest()
    left_out = (*_left_out_warnings(listing.files_left_out), *skipped_warnings(files.skipped))
    return replace(image, sha256=digest, warnings=(*image.warnings, *left_out, *warnings))


def _offer_others(volumes: list[Volume], chosen: Volume, error: LiversegError) -> None:
    """Raise SeriesChoice if another volume may be readable although the pixels of the chosen one are not."""
    if any(volume is not chosen and volume.refusal is None for volume in volumes):
        listed = [replace(v, refusal=error) if v is chosen else v for v in volumes]
        raise SeriesChoice(str(error), series_infos(listed)) from error


def series_among(files: Files) -> tuple[SeriesInfo, ...]:
    """Describes each CT series among files. Raises as `read_series`, except for SeriesChoice."""
    return series_infos(list_volumes(files).ct_volumes)


def list_volumes(files: Files) -> SeriesListing:
    """The CT volumes among files. Reads headers only, and pixels only to compare slices at one position.

    A file that cannot be read is listed with its series, or by itself if its series is unknown. Raises NotCT
    or NoDicomCT if there is no CT slice.
    """
    found = _Sorted()
    for file, opener in enumerate(files.openers):
        _sort_file(found, file, opener)
    left_out = found.others.total()
    described = any(one.is_described for one in found.slices)
    if not described and found.captures:
        slices = [*found.captures, *found.slices]
    else:
        slices, left_out = found.slices, left_out + found.capture_files
    if not slices:
        sentence = no_ct_sentence(files.place, found.others, files.skipped)
        raise found.not_ct or NoDicomCT(sentence, tuple(found.volume_files))
    unknown = [one for one in slices if not one.series_uid and not one.is_described]
    known = [one for one in slices if one.series_uid or one.is_described]
    pixels = PixelComparison(lambda file: dataset_of(files.openers[file]))
    volumes = group_into_volumes(known, pixels.are_same)
    volumes = [with_doubt(volume, unknown) for volume in volumes]
    if unknown:
        volumes.append(Volume(tuple(unknown), "", None, unread_files(unknown)))
    return SeriesListing(volumes, left_out)


def _sort_file(found: _Sorted, file: int, opener: Opener) -> None:
    """Add a file to what was found. Raises ZipBomb, which refuses the whole zip."""
    try:
        with opener() as stream:
            head = stream.read(HEAD_BYTES)
            kind = kind_of(head)
            if kind != "dicom":
                found.others[describe(head)] += 1
                if kind in VOLUME_KINDS:
                    found.volume_files.append((file, kind))
                return
            stream.seek(0)
            dataset, own = read_slice_headers(stream, file)
    except NoImage:
        found.others[DICOM_WITHOUT_IMAGE] += 1
    except NotCT as error:
        found.not_ct = found.not_ct or error
        found.others[OTHER_DICOM_IMAGE] += 1
    except ZipBomb:
        raise
    except (UnreadableInput, InputTooLarge) as error:
        found.slices.append(undescribed_slice(pydicom.Dataset(), file, error))
    except OSError as error:
        reason = UnreadableInput(
            f"The file cannot be opened ({(error.strerror or 'unknown reason').lower()})."
        )
        found.slices.append(undescribed_slice(pydicom.Dataset(), file, reason))
    else:
        found.capture_files += is_secondary_capture(dataset)
        (found.captures if is_secondary_capture(dataset) else found.slices).extend(own)


def dataset_of(opener: Opener) -> pydicom.Dataset:
    """The dataset of a CT file with its pixels."""
    with opener() as stream, as_refusal():
        dataset = open_dataset(stream)
    refuse_unless_ct(dataset)
    return dataset


def _left_out_warnings(count: int) -> tuple[str, ...]:
    if count == 1:
        return ("1 file that is not a CT slice of the series was left out.",)
    return (f"{count} files that are not CT slices of the series were left out.",) if count else ()


@contextmanager
def _one_file_of_the_series() -> Iterator[None]:
    """Prefix the reason of an UnreadableInput with the fact that it concerns one file of a series."""
    try:
        with as_refusal():
            yield
    except UnreadableInput as error:
        reason = str(error)
        sentence = f"One file of the series cannot be read: {reason[0].lower()}{reason[1:]}"
        raise UnreadableInput(sentence) from error


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
