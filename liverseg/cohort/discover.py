"""The scans of a source: a folder tree sorted by its files' headers, or a list in CSV or Parquet.

Of each DICOM study every axial volume is a scan; where it has none, its reformats are, and where it has no
volume its lone slices. What is no scan is named with the reason.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path, PurePosixPath
from typing import BinaryIO

from liverseg.cohort.remote_files import File, Unavailable, list_files, opened
from liverseg.cohort.scan import ASIDE, REFUSED, UNAVAILABLE, Failure, Scan, input_id
from liverseg.cohort.source_list import Row, is_list, read_list
from liverseg.errors import LiversegError, UnreadableInput
from liverseg.io.dicom.dataset import NoImage, is_capture
from liverseg.io.dicom.series import Pixels, slices_in
from liverseg.io.dicom.slices import Slice
from liverseg.io.dicom.volumes import Volume, volumes
from liverseg.io.sniff import HEAD_BYTES, sniff

CHUNK = 64
"""Files whose headers are read by one task."""

_DAMAGED = "The file is truncated or damaged and cannot be read."
_A_PICTURE = "A picture has no HU: name it in a list to have it segmented."
_BESIDE = "A lone slice, bolus tracking or a reformat beside the study's axial series."


@dataclass(frozen=True)
class Header:
    """What the head of one file says."""

    kind: str  # "nifti" | "zip" | "picture" | "dicom" | why it is none: `ASIDE`, `REFUSED`, `UNAVAILABLE`
    reason: str = ""
    study: str = ""
    slices: tuple[Slice, ...] = ()
    capture: bool = False


@dataclass
class Found:
    """Everything at a source."""

    scans: list[Scan] = field(default_factory=list)
    failures: list[Failure] = field(default_factory=list)


Surveyor = Callable[[Sequence[list[File]]], Iterable[list[Header]]]
"""Maps `survey` over chunks of files, in order; on a cluster in parallel."""


def survey(files: list[File]) -> list[Header]:
    """The header of each file; a hostile one is its own failure."""
    return [_header(file) for file in files]


def _header(file: File) -> Header:
    try:
        with opened(file.address) as stream:
            return _header_in(stream)
    except Unavailable as error:
        return Header(UNAVAILABLE, str(error))
    except LiversegError as error:
        return Header(ASIDE, str(error))
    except (FileNotFoundError, PermissionError):
        return Header(UNAVAILABLE, "The file may not be read, or is gone.")
    except Exception:  # as in `liverseg.read`: pydicom raises many kinds on damaged bytes
        return Header(REFUSED, _DAMAGED)


def _header_in(stream: BinaryIO) -> Header:
    kind = sniff(stream.read(HEAD_BYTES))
    if kind in ("nifti", "nifti-gz"):
        return Header("nifti")
    if kind in ("png", "jpeg"):
        return Header("picture")
    if kind == "zip":
        return Header("zip")
    stream.seek(0)
    try:
        dataset, slices = slices_in(stream, 0)
    except NoImage as error:
        return Header(ASIDE, str(error))
    except UnreadableInput as error:
        return Header(REFUSED, str(error))
    return Header("dicom", "", str(dataset.get("StudyInstanceUID") or ""), tuple(slices), is_capture(dataset))


def find_scans(source: str, salt: bytes, out: Path, surveyor: Surveyor | None = None) -> Found:
    """The scans of a folder tree, a file or a list, in a fixed order.

    Raises `UnreadableInput` where there is nothing at all, `Unavailable` where the place does not answer.
    """
    survey_all = surveyor or (lambda chunks: map(survey, chunks))
    finder = _Finder(salt, survey_all)
    if not is_list(source):
        finder.add(list_files(source, without=out), named=False)
        return finder.found
    plain: list[File] = []
    for row in read_list(source):
        try:
            files = list_files(row.address)
        except LiversegError as error:
            kind = UNAVAILABLE if isinstance(error, Unavailable) else REFUSED
            file = File(row.address, 0, "")
            finder.found.failures.append(
                Failure(input_id(salt, [row.address], row.series), kind, str(error), files=(file,))
            )
            continue
        if row.series is None and len(files) == 1:
            plain += files
        else:
            finder.add(files, named=True, row=row)
    finder.add(list(dict.fromkeys(plain)), named=True)
    return finder.found


class _Finder:
    def __init__(self, salt: bytes, surveyor: Surveyor) -> None:
        self._salt, self._surveyor = salt, surveyor
        self.found = Found()

    def add(self, files: list[File], named: bool, row: Row | None = None) -> None:
        """Scans and failures among files; pictures are scans only where they are `named`."""
        series = None if row is None else row.series
        chunks = [files[k : k + CHUNK] for k in range(0, len(files), CHUNK)]
        studies: dict[str, list[tuple[File, Header]]] = {}
        headers = (header for chunk in self._surveyor(chunks) for header in chunk)
        for file, header in zip(files, headers, strict=True):
            if header.kind == "dicom":
                study = header.study or str(PurePosixPath(file.address).parent)
                studies.setdefault(study, []).append((file, header))
            elif header.kind in ("nifti", "zip") or (header.kind == "picture" and named):
                self._scan((file,), series)
            elif header.kind == "picture":
                self._fail((file,), ASIDE, _A_PICTURE)
            else:
                self._fail((file,), header.kind, header.reason)
        for study in studies.values():
            self._add_study(study, series)

    def _scan(
        self, files: tuple[File, ...], series: int | None, shape: tuple[int, int, int] | None = None
    ) -> None:
        id = input_id(self._salt, [file.address for file in files], series)
        self.found.scans.append(Scan(id, files, series, shape))

    def _fail(self, files: tuple[File, ...], kind: str, reason: str, series: int | None = None) -> None:
        id = input_id(self._salt, [file.address for file in files], series)
        self.found.failures.append(Failure(id, kind, reason, files=files))

    def _add_study(self, study: list[tuple[File, Header]], wanted: int | None) -> None:
        files = [file for file, _ in study]
        slices: list[Slice] = []
        captures: list[Slice] = []
        for number, (_, header) in enumerate(study):
            own = [replace(one, file=number) for one in header.slices]
            (captures if header.capture else slices).extend(own)
        pixels = Pixels([_opener(file) for file in files])  # type: ignore[list-item]
        found = volumes(slices or captures, pixels.are_same)
        if wanted is not None:
            if not 1 <= wanted <= len(found):
                self._fail(tuple(files), REFUSED, f"There is no CT series {wanted} in the input.", wanted)
                return
            chosen = {wanted - 1}
        else:
            chosen = _meant(found)
        for number, volume in enumerate(found):
            own_files = tuple(files[k] for k in sorted({one.file for one in volume.slices}))
            own_series = _number_within(found, number)
            if volume.refusal is not None:
                self._fail(own_files, REFUSED, str(volume.refusal), own_series)
            elif number in chosen:
                frame = volume.slices[0].frame
                self._scan(own_files, own_series, (len(volume.slices), frame.rows, frame.columns))
            elif wanted is None:
                self._fail(own_files, ASIDE, _BESIDE, own_series)


def _opener(file: File) -> Callable[[], object]:
    return lambda: opened(file.address)


def _meant(found: list[Volume]) -> set[int]:
    """Which of a study's volumes are scans, by the rule of `dicom_choice`, without a question."""
    usable = [k for k, volume in enumerate(found) if volume.refusal is None]
    for wanted in (lambda v: not v.is_lone, lambda v: v.is_axial):
        usable = [k for k in usable if wanted(found[k])] or usable
    return set(usable)


def _number_within(found: list[Volume], number: int) -> int | None:
    """The series to name when the files of a volume are read alone; None where they hold no other."""
    own = {one.file for one in found[number].slices}
    there = [k for k, volume in enumerate(found) if own & {one.file for one in volume.slices}]
    return there.index(number) + 1 if len(there) > 1 else None


def folder_of(files: Iterable[File]) -> str:
    """The address that tells a person which input it is: of the file, or of the folder of several.

    >>> folder_of([File("/a/b/1", 1, ""), File("/a/b/2", 1, "")]), folder_of([File("s3://b/x.nii", 1, "")])
    ('/a/b', 's3://b/x.nii')
    """
    addresses = sorted(file.address for file in files)
    if len(addresses) == 1:
        return addresses[0]
    parts = [address.split("/") for address in (addresses[0], addresses[-1])]
    common = []
    for one, other in zip(*parts, strict=False):
        if one != other:
            break
        common.append(one)
    return "/".join(common)
