"""What the files of a source are, by their first bytes and, for DICOM, by their headers."""

from __future__ import annotations

from dataclasses import dataclass
from typing import BinaryIO

from liverseg.cohort.remote_files import File, Unavailable, open_file
from liverseg.cohort.scan import ASIDE, REFUSED, UNAVAILABLE
from liverseg.errors import InputTooLarge, LiversegError, UnreadableInput
from liverseg.io.dicom.dataset import NoImage, is_secondary_capture
from liverseg.io.dicom.slice_headers import read_slice_headers
from liverseg.io.dicom.slices import Slice
from liverseg.io.folder import LEADS_NOWHERE, NOT_OPENED
from liverseg.io.sniff import HEAD_BYTES, PICTURE_KINDS, VOLUME_KINDS, sniff
from liverseg.io.volume.open import data_name_in

CHUNK_FILES = 64
"""Files whose headers are read by one task."""

_MAY_APPEAR = (LEADS_NOWHERE, NOT_OPENED)  # reasons of `File.skipped` that may not hold in a later run
_DAMAGED_FILE = "The file is truncated or damaged and cannot be read."


@dataclass(frozen=True)
class FileHeader:
    """What the first bytes of a file say."""

    kind: (
        str  # "volume" | "zip" | "picture" | "dicom", or a kind of failure: `ASIDE`, `REFUSED`, `UNAVAILABLE`
    )
    reason: str = ""  # of a failure
    data_name: str = ""  # of the file beside a volume's header that holds its image
    study: str = ""  # StudyInstanceUID
    slices: tuple[Slice, ...] = ()
    is_secondary_capture: bool = False  # a secondary capture, such as a screenshot


def read_headers(files: list[File]) -> list[FileHeader]:
    """The header of each file. A file that cannot be read gives a header with a kind of failure."""
    return [_read_header(file) for file in files]


def _read_header(file: File) -> FileHeader:
    if file.skipped:
        return FileHeader(UNAVAILABLE if file.skipped in _MAY_APPEAR else ASIDE, file.skipped)
    try:
        with open_file(file.address) as stream:
            return _parse_header(stream)
    except Unavailable as error:
        return FileHeader(UNAVAILABLE, str(error))
    except InputTooLarge as error:
        return FileHeader(REFUSED, str(error))
    except LiversegError as error:
        return FileHeader(ASIDE, str(error))
    except OSError:
        return FileHeader(
            UNAVAILABLE, "The file cannot be opened: it is missing or its permissions forbid it."
        )
    except Exception:  # pydicom raises errors of many types on damaged bytes
        return FileHeader(REFUSED, _DAMAGED_FILE)


def _parse_header(stream: BinaryIO) -> FileHeader:
    kind = sniff(stream.read(HEAD_BYTES))
    if kind in VOLUME_KINDS:
        stream.seek(0)
        try:
            return FileHeader("volume", data_name=data_name_in(kind, stream) or "")
        except UnreadableInput as error:
            return FileHeader(REFUSED, str(error))
    if kind in PICTURE_KINDS:
        return FileHeader("picture")
    if kind == "zip":
        return FileHeader("zip")
    try:
        dataset, slices = read_slice_headers(stream, 0)
    except NoImage as error:
        return FileHeader(ASIDE, str(error))
    except UnreadableInput as error:
        return FileHeader(REFUSED, str(error))
    study = str(dataset.get("StudyInstanceUID") or "")
    return FileHeader(
        "dicom", study=study, slices=tuple(slices), is_secondary_capture=is_secondary_capture(dataset)
    )
