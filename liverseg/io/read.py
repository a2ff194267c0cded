"""Read pictures, volume files, DICOM files and DICOM series into a `CTImage`."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from liverseg.core import limits
from liverseg.core.geometry import is_plausible_spacing, upright_grid
from liverseg.core.image import CTImage
from liverseg.core.limits import check_shape
from liverseg.core.window import DEFAULT_WINDOW, Window
from liverseg.errors import InputTooLarge, InvalidSetting, LiversegError, UnreadableInput
from liverseg.io.checks import hu_warnings
from liverseg.io.dicom.series_info import SeriesInfo
from liverseg.io.sniff import HEAD_BYTES, PICTURE_KINDS, VOLUME_KINDS, is_dicom, sniff

if TYPE_CHECKING:
    from liverseg.io.dicom.sources import Files

__all__ = ["from_array", "list_series", "read"]

Source = str | os.PathLike[str] | Sequence[str | os.PathLike[str]]

_HASH_CHUNK_BYTES = 1024**2
_ONE_IMAGE = "Only DICOM holds series; this input is one image."
_ONE_IMAGE_TO_CHOOSE = "Only DICOM holds several series to choose from; this input is one image."


def read(
    source: Source,
    window: Window | tuple[float, float] | None = None,
    series: int | None = None,
) -> CTImage:
    """Read a CT slice or volume.

    `source` is the path of a PNG, JPEG, TIFF, WebP, NIfTI, NRRD, MetaImage or DICOM file (recognised by its
    content, not its name), or a DICOM series: a folder, a zip archive, or a list of paths. Without DICOM,
    these may hold one NIfTI, NRRD or MetaImage volume. The data file of a detached header lies beside it. In
    a folder, links are followed inside the tree they lie in (`liverseg.io.folder`). `window` (centre, width
    in HU) is the display window a picture was made with, 40/400 by default; it has no effect where HU are
    stored.
    `series` selects one of several DICOM series by its number in `list_series`, which starts at 1.

    Returns a `CTImage`: float32 HU of shape (slices, rows, columns) in radiological orientation.
    Raises `SeriesChoice`, which carries the choices, where the input holds several series and `series`
    does not select one; otherwise another subclass of `LiversegError` for any input that is not a readable
    CT. The message of each is one sentence for the user.
    """
    window = _as_window(window)
    if series is not None and (isinstance(series, bool) or not isinstance(series, int)):
        raise InvalidSetting("A series is selected by its number, a whole number from 1.")
    with _translate_errors():
        source = _only_file(source)
        kind, size_bytes = _format_of(source)
        if series is not None and kind in (*PICTURE_KINDS, *VOLUME_KINDS):
            raise InvalidSetting(_ONE_IMAGE_TO_CHOOSE)
        # Readers are imported where they are needed: pydicom and nibabel are slow to load.
        if kind in ("files", "zip"):
            with _files(source, kind, size_bytes) as files:
                return _read_files(files, window, series)
        path = Path(source)  # type: ignore[arg-type]
        if kind in VOLUME_KINDS:
            from liverseg.io.volume.open import read_volume
            from liverseg.io.volume.places import on_disk

            return read_volume(kind, *on_disk(path), window)
        with path.open("rb") as stream:
            if kind in PICTURE_KINDS:
                from liverseg.io.picture.read import read_picture

                image = read_picture(stream, kind, window)
            else:
                from liverseg.io.dicom.file import read_dicom_file

                image = read_dicom_file(stream, window, series)
        return replace(image, sha256=_sha256(path), series=series)


def _read_files(files: Files, window: Window, series: int | None) -> CTImage:
    """The DICOM series among files or, without DICOM, their only volume file."""
    from liverseg.io.dicom.series import NoDicomCT, read_series

    try:
        return replace(read_series(files, window, series), series=series)
    except NoDicomCT as error:
        if len(error.volume_files) != 1:
            raise
        if series is not None:
            raise InvalidSetting(_ONE_IMAGE_TO_CHOOSE) from error
        from liverseg.io.volume.places import read_only_volume

        return read_only_volume(files, error.volume_files, window)


def volume_shape(source: Source) -> tuple[int, int, int] | None:
    """(slices, rows, columns) in the header of a volume file, or of the only one of a folder, list or zip.

    None for other inputs. Raises the errors of `read` that concern the header.
    """
    with _translate_errors():
        source = _only_file(source)
        kind, size_bytes = _format_of(source)
        if kind in VOLUME_KINDS:
            from liverseg.io.volume.open import grid_of
            from liverseg.io.volume.places import on_disk

            return grid_of(kind, *on_disk(Path(source))).radiological_shape  # type: ignore[arg-type]
        if kind not in ("files", "zip"):
            return None
        from liverseg.io.dicom.series import NoDicomCT, series_among
        from liverseg.io.volume.places import grid_of_only_volume

        with _files(source, kind, size_bytes) as files:
            try:
                series_among(files)
            except NoDicomCT as error:
                if len(error.volume_files) == 1:
                    return grid_of_only_volume(files, error.volume_files).radiological_shape
                raise
        return None


def list_series(source: Source) -> tuple[SeriesInfo, ...]:
    """The CT series in a DICOM file, folder, zip archive or list of paths, in the numbering of `read`.

    Localizers and other modalities are left out; a series that cannot be read is listed with the reason.
    Only headers are read, and the result holds no patient data. Raises the errors of `read`, and
    InvalidSetting for a picture or a volume file, also as the only one of a folder or zip: it has no series.
    """
    with _translate_errors():
        source = _only_file(source)
        kind, size_bytes = _format_of(source)
        if kind in ("files", "zip"):
            from liverseg.io.dicom.series import NoDicomCT, series_among

            with _files(source, kind, size_bytes) as files:
                try:
                    return series_among(files)
                except NoDicomCT as error:
                    if len(error.volume_files) == 1:
                        raise InvalidSetting(_ONE_IMAGE) from error
                    raise
        if kind == "dicom":
            from liverseg.io.dicom.file import series_in_file

            with Path(source).open("rb") as stream:  # type: ignore[arg-type]
                return series_in_file(stream)
        raise InvalidSetting(_ONE_IMAGE)


@contextmanager
def _translate_errors() -> Iterator[None]:
    """Turn every exception raised while reading into a `LiversegError`."""
    try:
        yield
    except LiversegError:
        raise
    except MemoryError as error:
        raise InputTooLarge("There is not enough memory to read this input.") from error
    except FileNotFoundError as error:
        raise UnreadableInput("There is no file or folder at the path given.") from error
    except PermissionError as error:
        raise UnreadableInput("The file or folder may not be read (permission denied).") from error
    except Exception as error:
        # On damaged or hostile bytes Pillow, nibabel, pydicom and their codecs raise exceptions of many
        # classes (struct.error, KeyError, SyntaxError, RecursionError, …), which all mean the same here.
        raise UnreadableInput("The input is truncated or damaged and cannot be read.") from error


def from_array(hu: np.ndarray, spacing_mm: tuple[float, float, float] | None = None) -> CTImage:
    """A CTImage from HU (H, W) or (S, H, W) that are in radiological orientation.

    `spacing_mm` is the distance between (slices, rows, columns). Raises InvalidSetting for another
    number of axes, for values that are not finite numbers and for an implausible spacing, and
    InputTooLarge/InputTooSmall for a size outside the limits.

    >>> from_array(np.zeros((64, 64)), spacing_mm=(5, 0.8, 0.8)).pixel_area_mm2
    0.6400000000000001
    """
    hu = np.asarray(hu)
    if hu.ndim not in (2, 3) or hu.dtype.kind not in "iuf":
        raise InvalidSetting(
            "HU must be an array of numbers with the axes (rows, columns) or (slices, rows, columns)."
        )
    native = upright_grid(hu.shape)
    volume = native.to_radiological(hu).astype(np.float32)
    check_shape(*volume.shape)
    if not np.isfinite(volume).all():
        raise InvalidSetting("HU must be finite numbers.")
    if spacing_mm is not None:
        spacing_mm = tuple(float(s) for s in spacing_mm)  # type: ignore[assignment]
        if len(spacing_mm) != 3 or not is_plausible_spacing(spacing_mm):
            raise InvalidSetting(
                "The spacing must be three plausible distances in mm: between slices, rows, columns."
            )
    return CTImage(
        hu=volume,
        spacing_mm=spacing_mm,
        spacing_source="unknown" if spacing_mm is None else "given by the caller",
        source_format="array",
        native=native,
        kind="slice" if volume.shape[0] == 1 else "volume",
        warnings=hu_warnings(volume),
    )


def _as_window(window: Window | tuple[float, float] | None) -> Window:
    if window is None:
        return DEFAULT_WINDOW
    if isinstance(window, Window):
        return window
    try:
        center_hu, width_hu = (float(value) for value in window)
    except (TypeError, ValueError) as error:
        raise InvalidSetting("A window is two numbers: its centre and its width in HU.") from error
    return Window(center_hu, width_hu)


def _format_of(source: Source) -> tuple[str, int]:
    """The format and size in bytes of a file (see `sniff`); ("files", 0) for a folder or a list of paths."""
    if not isinstance(source, (str, os.PathLike)):
        return "files", 0
    if not os.fspath(source):  # Path("") is the current folder
        raise UnreadableInput("The path given is empty.")
    path = Path(source)
    if path.is_dir():
        return "files", 0
    if path.exists() and not path.is_file():
        raise UnreadableInput("The path given is neither a file nor a folder.")
    with path.open("rb") as stream:
        size_bytes = os.fstat(stream.fileno()).st_size
        if size_bytes > limits.MAX_FILE_BYTES:
            raise InputTooLarge("The file is larger than 2 GiB.")
        return sniff(stream.read(HEAD_BYTES)), size_bytes


@contextmanager
def _files(source: Source, kind: str, size_bytes: int) -> Iterator[Files]:
    """The files of a folder, list or zip archive (see `liverseg.io.dicom.sources`)."""
    from liverseg.io.dicom.sources import files_of_folder, files_of_list, members_of_zip

    if kind == "zip":
        with Path(source).open("rb") as stream, members_of_zip(stream, size_bytes) as files:  # type: ignore[arg-type]
            yield files
    elif isinstance(source, (str, os.PathLike)):
        yield files_of_folder(Path(source))
    else:
        yield files_of_list(Path(path) for path in source)


def _only_file(source: Source) -> Source:
    """The path in a list of one path if it is a picture, a NIfTI file or a zip, else the source as it is."""
    if isinstance(source, (str, os.PathLike)) or len(source) != 1 or not Path(source[0]).is_file():
        return source
    with Path(source[0]).open("rb") as stream:
        return source if is_dicom(stream.read(HEAD_BYTES)) else source[0]


def _sha256(path: Path) -> str:
    digest = hashlib.sha256()
    with path.open("rb") as stream:
        while chunk := stream.read(_HASH_CHUNK_BYTES):
            digest.update(chunk)
    return digest.hexdigest()
