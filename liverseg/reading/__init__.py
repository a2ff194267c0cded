"""From a file to a `CTImage`: PNG, JPEG, NIfTI, DICOM files and DICOM series."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np

from liverseg import limits
from liverseg.ct import CTImage
from liverseg.errors import InputTooLarge, InvalidSetting, LiversegError, UnreadableInput
from liverseg.geometry import is_plausible_spacing, upright_grid
from liverseg.reading.checks import check_shape, hu_warnings
from liverseg.reading.sniff import HEAD_BYTES, sniff
from liverseg.windowing import DEFAULT_WINDOW, Window

__all__ = ["from_array", "read"]

_HASH_CHUNK_BYTES = 1024**2


def read(
    source: str | os.PathLike[str] | Sequence[str | os.PathLike[str]],
    window: Window | tuple[float, float] | None = None,
) -> CTImage:
    """Read a CT slice or volume.

    `source` is the path of a PNG, JPEG, NIfTI or DICOM file (told by its content, not its name), or a
    DICOM series: a folder, a zip, or a list of paths. `window` (centre, width in HU) is the one a
    picture was made with, 40/400 where it is not given; it changes nothing where HU are stored.

    Returns a `CTImage`: float32 HU of shape (slices, rows, columns) in radiological orientation.
    Raises a subclass of `LiversegError` for everything that is not that, with one sentence for a person.
    """
    chosen = _window(window)
    try:
        if isinstance(source, (str, os.PathLike)):
            if not os.fspath(source):  # a Path of it would be the current folder
                raise UnreadableInput("The path given is empty.")
            return _read_path(Path(source), chosen)
        from liverseg.reading.dicom_series import read_dicom_paths

        return read_dicom_paths([Path(path) for path in source], chosen)
    except LiversegError:
        raise
    except MemoryError as error:
        raise InputTooLarge("There is not enough memory to read this input.") from error
    except FileNotFoundError as error:
        raise UnreadableInput("There is no file or folder at the path given.") from error
    except PermissionError as error:
        raise UnreadableInput("The file or folder may not be read (permission denied).") from error
    except Exception as error:
        # The boundary to Pillow, nibabel, pydicom and their codecs: on damaged or hostile bytes they raise
        # many kinds (struct.error, KeyError, SyntaxError, RecursionError, …), and each means the same here.
        raise UnreadableInput("The input is truncated or damaged and cannot be read.") from error


def from_array(hu: np.ndarray, spacing_mm: tuple[float, float, float] | None = None) -> CTImage:
    """A CTImage from HU (H, W) or (S, H, W) that already are in radiological orientation.

    `spacing_mm` is the distance between (slices, rows, columns). Raises InvalidSetting for another
    number of axes, values that are not finite numbers or an impossible spacing, and
    InputTooLarge/InputTooSmall beyond the limits.

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


def _window(window: Window | tuple[float, float] | None) -> Window:
    if window is None:
        return DEFAULT_WINDOW
    if isinstance(window, Window):
        return window
    try:
        center_hu, width_hu = (float(value) for value in window)
    except (TypeError, ValueError) as error:
        raise InvalidSetting("A window is two numbers: its centre and its width in HU.") from error
    return Window(center_hu, width_hu)


def _read_path(path: Path, window: Window) -> CTImage:
    # The readers are imported where they are needed: pydicom and nibabel take a while to load.
    if path.is_dir():
        from liverseg.reading.dicom_series import files_below, read_dicom_paths

        return read_dicom_paths(files_below(path), window)
    if path.exists() and not path.is_file():
        raise UnreadableInput("The path given is neither a file nor a folder.")
    with path.open("rb") as stream:
        size_bytes = os.fstat(stream.fileno()).st_size
        if size_bytes > limits.MAX_FILE_BYTES:
            raise InputTooLarge("The file is larger than 2 GiB.")
        kind = sniff(stream.read(HEAD_BYTES))
        stream.seek(0)
        if kind in ("png", "jpeg"):
            from liverseg.reading.picture import read_picture

            image = read_picture(stream, kind, window)
        elif kind in ("nifti", "nifti-gz"):
            from liverseg.reading.nifti import read_nifti

            image = read_nifti(stream, kind == "nifti-gz", size_bytes, window)
        elif kind == "dicom":
            from liverseg.reading.dicom_file import read_dicom_file

            image = read_dicom_file(stream.read(), window)
        else:
            from liverseg.reading.dicom_series import read_dicom_zip

            return read_dicom_zip(stream, size_bytes, window)
    return replace(image, sha256=_sha256(path))


def _sha256(path: Path) -> str:
    digest = hashlib.sha256()
    with path.open("rb") as stream:
        while chunk := stream.read(_HASH_CHUNK_BYTES):
            digest.update(chunk)
    return digest.hexdigest()
