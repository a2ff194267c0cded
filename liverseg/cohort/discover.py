"""The scans of a source: a folder tree, sorted by the headers of its files, or a list in CSV or Parquet.

Every axial volume of a DICOM study is a scan. A study without axial volumes gives its reformats, and a study
without volumes its lone slices. Every other file becomes a `Failure` with the reason: each file of the source
belongs to a scan or to a failure.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field, replace
from functools import partial
from pathlib import Path, PurePosixPath

from liverseg.cohort.file_headers import CHUNK_FILES, FileHeader, read_headers
from liverseg.cohort.remote_files import File, Unavailable, file_beside, list_files, open_file
from liverseg.cohort.scan import ASIDE, REFUSED, UNAVAILABLE, Failure, Scan, input_id
from liverseg.cohort.source_list import ListEntry, is_list, read_list
from liverseg.errors import LiversegError
from liverseg.io.dicom.pixel_comparison import PixelComparison
from liverseg.io.dicom.series import dataset_of
from liverseg.io.dicom.slices import Slice
from liverseg.io.dicom.volumes import Volume, group_into_volumes

_log = logging.getLogger(__name__)

_UNNAMED_PICTURE = "Pictures have no HU. A picture is segmented only if a list names it."
_LESSER_SERIES = "A lone slice, bolus tracking or a reformat beside the study's axial series."
_COPY = "A copy of slices that other files of the study hold."
_CAPTURE = "A secondary capture (a copy of a screen) beside CT images."
_NO_DATA_FILE = "The header keeps its image in another file, which is not there."
_UNSORTED = "The slices of the study cannot be sorted into volumes: a file is damaged."


@dataclass
class Inventory:
    """The scans and the other inputs of a source."""

    scans: list[Scan] = field(default_factory=list)
    failures: list[Failure] = field(default_factory=list)


HeaderReader = Callable[[Sequence[list[File]]], Iterable[list[FileHeader]]]
"""Applies `read_headers` to chunks of files and keeps their order. On a cluster it runs in parallel."""


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
        headers = [header for chunk in self._header_reader(chunks) for header in chunk]
        data_files = _data_files(files, headers, named)
        used = {data_file for data_file in data_files.values() if data_file is not None}
        for file, header in zip(files, headers, strict=True):
            if file in data_files:
                self._add_detached(file, data_files[file], series)
            elif file in used and header.kind in (ASIDE, REFUSED):
                continue  # it is no input by itself
            elif header.kind == "dicom":
                study = header.study or str(PurePosixPath(file.address).parent)
                studies.setdefault(study, []).append((file, header))
            elif header.kind in ("volume", "zip") or (header.kind == "picture" and named):
                self._add_scan((file,), series)
            elif header.kind == "picture":
                self.add_failure((file,), ASIDE, _UNNAMED_PICTURE)
            else:
                self.add_failure((file,), header.kind, header.reason)
        for study_files in studies.values():
            self._add_study(study_files, series)

    def _add_detached(self, header: File, data_file: File | None, series: int | None) -> None:
        """Adds a header with the data file that it names, or a failure where that is not there."""
        if data_file is None:
            self.add_failure((header,), REFUSED, _NO_DATA_FILE)
        else:
            self._add_scan((header, data_file), series)

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
        try:
            study_volumes, captures = _volumes_of(study_files)
        except Unavailable as error:
            self.add_failure(tuple(files), UNAVAILABLE, str(error), requested)
            return
        except Exception:  # damage in one study must not end the search for the others
            _log.exception("a study cannot be sorted into volumes")
            self.add_failure(tuple(files), REFUSED, _UNSORTED, requested)
            return
        if requested is not None:
            if not 1 <= requested <= len(study_volumes):
                reason = f"There is no CT series {requested} in the input."
                self.add_failure(tuple(files), REFUSED, reason, requested)
                return
            chosen = {requested - 1}
        else:
            chosen = _default_volumes(study_volumes)
        used: set[File] = set()
        for number, volume in enumerate(study_volumes):
            own_files = _files_of(volume.slices, files)
            series = _series_number(study_volumes, number)
            refusal = volume.doubt or volume.refusal
            if refusal is not None:
                own_files = _files_of((*volume.slices, *volume.dropped), files)
                self.add_failure(own_files, REFUSED, str(refusal), series)
            elif number in chosen:
                frame = volume.slices[0].frame
                self._add_scan(own_files, series, (len(volume.slices), frame.rows, frame.columns))
            elif requested is None:
                self.add_failure(own_files, ASIDE, _LESSER_SERIES, series)
            used.update(own_files)
        if requested is None:
            for file in files:
                if file not in used:
                    self.add_failure((file,), ASIDE, _CAPTURE if file in captures else _COPY)


def _data_files(files: list[File], headers: list[FileHeader], named: bool) -> dict[File, File | None]:
    """The data file of each header that names one; None where it is not there.

    It is one of `files`. Where a list has `named` these, it may also lie beside the header.
    """
    by_address = {file.address: file for file in files if not file.skipped}
    found: dict[File, File | None] = {}
    for file, header in zip(files, headers, strict=True):
        if header.data_name:
            address = f"{file.address.rpartition('/')[0]}/{header.data_name}"
            beside = file_beside(file, header.data_name) if named else None
            found[file] = by_address.get(address) or beside
    return found


def _volumes_of(study_files: list[tuple[File, FileHeader]]) -> tuple[list[Volume], tuple[File, ...]]:
    """The CT volumes of a study, and the files of secondary captures beside CT images."""
    slices: list[Slice] = []
    captures: list[Slice] = []
    for number, (_, header) in enumerate(study_files):
        file_slices = [replace(one, file=number) for one in header.slices]
        (captures if header.is_secondary_capture else slices).extend(file_slices)
    files = [file for file, _ in study_files]
    pixels = PixelComparison(lambda number: dataset_of(partial(open_file, files[number].address)))
    if any(one.is_described for one in slices):
        return group_into_volumes(slices, pixels.are_same), _files_of(captures, files)
    return group_into_volumes([*captures, *slices], pixels.are_same), ()


def _files_of(slices: Iterable[Slice], files: list[File]) -> tuple[File, ...]:
    """The files that hold slices, each once."""
    return tuple(files[k] for k in sorted({one.file for one in slices}))


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
