"""The scans of a source: a folder tree, sorted by the headers of its files, or a list in CSV or Parquet.

Every axial volume of a DICOM study is a scan. A study without axial volumes gives its reformats, and a study
without volumes its lone slices. Every other file becomes a `Failure` with the reason.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field, replace
from functools import partial
from pathlib import Path, PurePosixPath
from typing import BinaryIO

from liverseg.cohort.remote_files import File, Unavailable, list_files, open_file
from liverseg.cohort.scan import ASIDE, REFUSED, UNAVAILABLE, Failure, Scan, input_id
from liverseg.cohort.source_list import ListEntry, is_list, read_list
from liverseg.errors import LiversegError, UnreadableInput
from liverseg.io.dicom.dataset import NoImage, is_secondary_capture
from liverseg.io.dicom.series import PixelComparison, read_slice_headers
from liverseg.io.dicom.slices import Slice
from liverseg.io.dicom.volumes import Volume, group_into_volumes
from liverseg.io.sniff import HEAD_BYTES, sniff

CHUNK_FILES = 64
"""Files whose headers are read by one task."""

_DAMAGED_FILE = "The file is truncated or damaged and cannot be read."
_UNNAMED_PICTURE = "Pictures have no HU. A picture is segmented only if a list names it."
_LESSER_SERIES = "A lone slice, bolus tracking or a reformat beside the study's axial series."


@dataclass(frozen=True)
class FileHeader:
    """What the first bytes of a file say."""

    kind: (
        str  # "nifti" | "zip" | "picture" | "dicom", or a kind of failure: `ASIDE`, `REFUSED`, `UNAVAILABLE`
    )
    reason: str = ""  # of a failure
    study: str = ""  # StudyInstanceUID
    slices: tuple[Slice, ...] = ()
    is_secondary_capture: bool = False  # a secondary capture, such as a screenshot


@dataclass
class Inventory:
    """The scans and the other inputs of a source."""

    scans: list[Scan] = field(default_factory=list)
    failures: list[Failure] = field(default_factory=list)


HeaderReader = Callable[[Sequence[list[File]]], Iterable[list[FileHeader]]]
"""Applies `read_headers` to chunks of files and keeps their order. On a cluster it runs in parallel."""


def read_headers(files: list[File]) -> list[FileHeader]:
    """The header of each file. A file that cannot be read gives a header with a kind of failure."""
    return [_read_header(file) for file in files]


def _read_header(file: File) -> FileHeader:
    try:
        with open_file(file.address) as stream:
            return _parse_header(stream)
    except Unavailable as error:
        return FileHeader(UNAVAILABLE, str(error))
    except LiversegError as error:
        return FileHeader(ASIDE, str(error))
    except (FileNotFoundError, PermissionError):
        return FileHeader(
            UNAVAILABLE, "The file cannot be opened: it is missing or its permissions forbid it."
        )
    except Exception:  # pydicom raises errors of many types on damaged bytes
        return FileHeader(REFUSED, _DAMAGED_FILE)


def _parse_header(stream: BinaryIO) -> FileHeader:
    kind = sniff(stream.read(HEAD_BYTES))
    if kind in ("nifti", "nifti-gz"):
        return FileHeader("nifti")
    if kind in ("png", "jpeg"):
        return FileHeader("picture")
    if kind == "zip":
        return FileHeader("zip")
    stream.seek(0)
    try:
        dataset, slices = read_slice_headers(stream, 0)
    except NoImage as error:
        return FileHeader(ASIDE, str(error))
    except UnreadableInput as error:
        return FileHeader(REFUSED, str(error))
    study = str(dataset.get("StudyInstanceUID") or "")
    return FileHeader("dicom", "", study, tuple(slices), is_secondary_capture(dataset))


def find_scans(source: str, salt: bytes, out: Path, header_reader: HeaderReader | None = None) -> Inventory:
    """The inventory of a folder tree, a file or a list, in a fixed order.

    `salt` is the key of the ids. Files in the output folder `out` are not inputs. Raises `UnreadableInput`
    for a source without files and `Unavailable` where its store does not answer.
    """
    builder = _InventoryBuilder(salt, header_reader or (lambda chunks: map(read_headers, chunks)))
    if not is_list(source):
        builder.add(list_files(source, without=out), named=False)
        return builder.inventory
    single_files: list[File] = []
    for entry in read_list(source):
        try:
            files = list_files(entry.address)
        except LiversegError as error:
            kind = UNAVAILABLE if isinstance(error, Unavailable) else REFUSED
            file = File(entry.address, 0, "")
            builder.add_failure((file,), kind, str(error), entry.series)
            continue
        if entry.series is None and len(files) == 1:
            single_files += files
        else:
            builder.add(files, named=True, entry=entry)
    builder.add(list(dict.fromkeys(single_files)), named=True)
    return builder.inventory


class _InventoryBuilder:
    """Sorts files into the scans and failures of an `Inventory`."""

    def __init__(self, salt: bytes, header_reader: HeaderReader) -> None:
        self._salt, self._header_reader = salt, header_reader
        self.inventory = Inventory()

    def add(self, files: list[File], named: bool, entry: ListEntry | None = None) -> None:
        """Adds files. `named` says that a list names them, which makes pictures scans."""
        series = None if entry is None else entry.series
        chunks = [files[k : k + CHUNK_FILES] for k in range(0, len(files), CHUNK_FILES)]
        studies: dict[str, list[tuple[File, FileHeader]]] = {}
        headers = (header for chunk in self._header_reader(chunks) for header in chunk)
        for file, header in zip(files, headers, strict=True):
            if header.kind == "dicom":
                study = header.study or str(PurePosixPath(file.address).parent)
                studies.setdefault(study, []).append((file, header))
            elif header.kind in ("nifti", "zip") or (header.kind == "picture" and named):
                self._add_scan((file,), series)
            elif header.kind == "picture":
                self.add_failure((file,), ASIDE, _UNNAMED_PICTURE)
            else:
                self.add_failure((file,), header.kind, header.reason)
        for study_files in studies.values():
            self._add_study(study_files, series)

    def add_failure(self, files: tuple[File, ...], kind: str, reason: str, series: int | None = None) -> None:
        id = input_id(self._salt, [file.address for file in files], series)
        self.inventory.failures.append(Failure(id, kind, reason, files=files))

    def _add_scan(
        self, files: tuple[File, ...], series: int | None, shape: tuple[int, int, int] | None = None
    ) -> None:
        id = input_id(self._salt, [file.address for file in files], series)
        self.inventory.scans.append(Scan(id, files, series, shape))

    def _add_study(self, study_files: list[tuple[File, FileHeader]], requested: int | None) -> None:
        """Adds the DICOM files of one study; `requested` is the number of the only series wanted."""
        files = [file for file, _ in study_files]
        slices: list[Slice] = []
        captures: list[Slice] = []
        for number, (_, header) in enumerate(study_files):
            file_slices = [replace(one, file=number) for one in header.slices]
            (captures if header.is_secondary_capture else slices).extend(file_slices)
        pixels = PixelComparison([partial(open_file, file.address) for file in files])
        study_volumes = group_into_volumes(slices or captures, pixels.are_same)
        if requested is not None:
            if not 1 <= requested <= len(study_volumes):
                reason = f"There is no CT series {requested} in the input."
                self.add_failure(tuple(files), REFUSED, reason, requested)
                return
            chosen = {requested - 1}
        else:
            chosen = _default_volumes(study_volumes)
        for number, volume in enumerate(study_volumes):
            volume_files = tuple(files[k] for k in sorted({one.file for one in volume.slices}))
            series = _series_number(study_volumes, number)
            if volume.refusal is not None:
                self.add_failure(volume_files, REFUSED, str(volume.refusal), series)
            elif number in chosen:
                frame = volume.slices[0].frame
                self._add_scan(volume_files, series, (len(volume.slices), frame.rows, frame.columns))
            elif requested is None:
                self.add_failure(volume_files, ASIDE, _LESSER_SERIES, series)


def _default_volumes(study_volumes: list[Volume]) -> set[int]:
    """Indices of the volumes of a study that are scans when no series is requested.

    The preference is that of `liverseg.io.dicom.choose`, but several equal volumes are all taken.
    """
    usable = [k for k, volume in enumerate(study_volumes) if volume.refusal is None]
    for is_preferred in (lambda v: not v.is_lone, lambda v: v.is_axial):
        usable = [k for k in usable if is_preferred(study_volumes[k])] or usable
    return set(usable)


def _series_number(study_volumes: list[Volume], index: int) -> int | None:
    """The number that selects a volume when only its own files are read; None if they hold no other."""
    own_files = {one.file for one in study_volumes[index].slices}
    sharing = [k for k, volume in enumerate(study_volumes) if own_files & {one.file for one in volume.slices}]
    return sharing.index(index) + 1 if len(sharing) > 1 else None


def common_address(files: Iterable[File]) -> str:
    """The address of a single file, or the deepest folder that holds all of several files.

    >>> common_address([File("/a/b/1", 1, ""), File("/a/b/2", 1, "")])
    '/a/b'
    >>> common_address([File("s3://b/x.nii", 1, "")])
    's3://b/x.nii'
    """
    addresses = sorted(file.address for file in files)
    if len(addresses) == 1:
        return addresses[0]
    parts = [address.split("/") for address in (addresses[0], addresses[-1])]
    common = []
    for first, last in zip(*parts, strict=False):
        if first != last:
            break
        common.append(first)
    return "/".join(common)
