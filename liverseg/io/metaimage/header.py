"""Read and check the header of a MetaImage file (.mha, .mhd).

The format: https://itk.org/Wiki/ITK/MetaIO/Documentation. As in ITK, positions are LPS, each row of
`TransformMatrix` is the direction of an axis, and values are taken as they are stored.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import BinaryIO

import numpy as np

from liverseg.core.geometry import nearest_axes
from liverseg.errors import NotCT, UnreadableInput
from liverseg.io.volume.affine import HeaderAffine, assumed_affine, with_third_axis
from liverseg.io.volume.geometry import volume_geometry
from liverseg.io.volume.text_header import (
    TextHeader,
    checked_name,
    checked_skip,
    field_error,
    header_lines,
    numbers,
    whole_numbers,
)
from liverseg.io.volume.voxels import VolumeHeader, check_declared_shape

TITLE = "MetaImage"
_MAX_RANK = 10  # of the format
_TYPES = {
    "MET_CHAR": "i1",
    "MET_UCHAR": "u1",
    "MET_SHORT": "i2",
    "MET_USHORT": "u2",
    "MET_INT": "i4",
    "MET_UINT": "u4",
    "MET_LONG": "i4",
    "MET_ULONG": "u4",
    "MET_LONG_LONG": "i8",
    "MET_ULONG_LONG": "u8",
    "MET_FLOAT": "f4",
    "MET_DOUBLE": "f8",
}
_LPS_TO_RAS = np.diag([-1.0, -1.0, 1.0])
_LETTERS = re.compile(r"[RLAPSI]{3}")
_FROM = {  # the letter says where an axis starts: "RAI" runs to the left, to posterior and to superior
    "R": (-1, 0, 0), "L": (1, 0, 0), "A": (0, -1, 0), "P": (0, 1, 0), "I": (0, 0, 1), "S": (0, 0, -1),
}  # fmt: skip


def read_metaimage_header(stream: BinaryIO) -> TextHeader:
    """The header of a MetaImage stream, which is left after the header.

    Raises UnreadableInput for a damaged header and for an image that is stored as text, NotCT for several
    values a voxel or another modality than CT, and InputTooLarge for an impossible size.
    """
    fields = _fields(stream)
    if fields.get("ObjectType", "Image").lower() != "image":
        raise NotCT("The MetaImage file holds an object of another kind, such as a mesh, not an image.")
    modality = fields.get("Modality", "MET_MOD_CT").upper()
    if modality.startswith("MET_MOD_") and modality not in ("MET_MOD_CT", "MET_MOD_UNKNOWN", "MET_MOD_OTHER"):
        raise NotCT(f"The MetaImage header says that this is {_kind_of(modality)}, not CT.")
    shape = whole_numbers(_field(fields, "DimSize"), TITLE, "DimSize")
    rank = whole_numbers(_field(fields, "NDims"), TITLE, "NDims")
    if rank != (len(shape),) or not 2 <= len(shape) <= _MAX_RANK or min(shape) < 1:
        raise UnreadableInput("The MetaImage header is damaged: it declares an impossible image size.")
    if fields.get("ElementNumberOfChannels", "1") != "1":
        raise NotCT("The MetaImage image has several values a voxel (colour or vectors), unlike a CT.")
    check_declared_shape(TITLE, shape)
    chosen = _affine(fields, shape)
    volume = VolumeHeader(TITLE, shape, _dtype(fields), volume_geometry(TITLE, chosen, shape))
    return _with_place(volume, fields)


def _fields(stream: BinaryIO) -> dict[str, str]:
    """The fields up to ElementDataFile, which is the last one."""
    fields: dict[str, str] = {}
    for line in header_lines(stream, TITLE):
        name, mark, value = line.partition("=")
        if not mark and line.strip():
            raise UnreadableInput("The MetaImage header is damaged: one of its lines is not a field.")
        fields[name.strip()] = value.strip()
        if name.strip() == "ElementDataFile":
            return fields
    raise field_error(TITLE, "ElementDataFile")


def _field(fields: Mapping[str, str], *names: str) -> str:
    """The value of the first of several names of a field that the header has."""
    for name in names:
        if fields.get(name):
            return fields[name]
    raise field_error(TITLE, names[0])


def _is_true(fields: Mapping[str, str], *names: str) -> bool:
    return any(fields.get(name, "")[:1].lower() in ("t", "1", "y") for name in names)


def _kind_of(modality: str) -> str:
    """A known modality in words; "another modality" for any other text, which may be anything."""
    known = {
        "MET_MOD_MR": "MR",
        "MET_MOD_US": "ultrasound",
        "MET_MOD_PET": "PET",
        "MET_MOD_NM": "PET or SPECT",
    }
    return known.get(modality, "another modality")


def _dtype(fields: Mapping[str, str]) -> np.dtype:
    name = _field(fields, "ElementType").upper()
    if name not in _TYPES:
        if name.endswith("_ARRAY"):
            raise NotCT("The MetaImage image has several values a voxel (colour or vectors), unlike a CT.")
        raise field_error(TITLE, "ElementType")
    is_big = _is_true(fields, "BinaryDataByteOrderMSB", "ElementByteOrderMSB")
    return np.dtype(_TYPES[name]).newbyteorder(">" if is_big else "<")


def _affine(fields: Mapping[str, str], shape: tuple[int, ...]) -> HeaderAffine:
    """The affine in mm. `ElementSpacing` gives the sizes, `ElementSize` where it is missing.

    The orientation is that of `TransformMatrix`; without one, that of `AnatomicalOrientation`. A picture of
    two axes has none: its matrix turns it within its plane and does not say which plane that is.
    """
    rank = len(shape)
    sizes, known = _voxel_sizes(fields, rank)
    letters = fields.get("AnatomicalOrientation", "").upper()
    directions, warnings = None, []
    if rank > 2:
        lettered = _directions_of(letters)
        matrix = next(
            (fields[n] for n in ("TransformMatrix", "Rotation", "Orientation") if n in fields), None
        )
        if matrix is None:
            directions = lettered
        else:
            stored = numbers(matrix, TITLE, "TransformMatrix")
            if len(stored) != rank * rank:
                raise field_error(TITLE, "TransformMatrix")
            directions = _LPS_TO_RAS @ np.reshape(stored, (rank, rank))[:3, :3].T
            warnings += _disagreement(directions, lettered)
    if directions is None:
        return assumed_affine(sizes, known)
    affine = np.eye(4)
    affine[:3, :3] = directions * [
        size if is_known else 1.0 for size, is_known in zip(sizes, known, strict=True)
    ]
    affine[:3, 3] = _LPS_TO_RAS @ _offset(fields, rank)
    if not np.isfinite(affine).all() or not with_third_axis(affine, 0.0):
        return assumed_affine(sizes, known)
    return HeaderAffine(affine, (1, 1), known, tuple(warnings))


def _disagreement(directions: np.ndarray, lettered: np.ndarray | None) -> list[str]:
    """A warning where the matrix and the letters name other axes."""
    is_regular = np.isfinite(directions).all() and (np.linalg.norm(directions, axis=0) > 0).all()
    if lettered is None or not is_regular or nearest_axes(directions) == nearest_axes(lettered):
        return []
    return [
        "The MetaImage header gives two orientations (TransformMatrix and AnatomicalOrientation) that "
        "disagree: TransformMatrix was used, as in ITK."
    ]


def _directions_of(letters: str) -> np.ndarray | None:
    """RAS directions (3, 3) of the axes from letters such as "RAI"; None for anything else.

    >>> _directions_of("RAI").tolist()
    [[-1.0, 0.0, 0.0], [0.0, -1.0, 0.0], [0.0, 0.0, 1.0]]
    """
    if not _LETTERS.fullmatch(letters):
        return None
    directions = np.array([_FROM[letter] for letter in letters], float).T
    return directions if abs(np.linalg.det(directions)) == 1 else None


def _voxel_sizes(fields: Mapping[str, str], rank: int) -> tuple[list[float], tuple[bool, bool, bool]]:
    """The size of a voxel along three axes in mm, and which of them are known."""
    text = next((fields[name] for name in ("ElementSpacing", "ElementSize") if name in fields), "")
    stored = numbers(text, TITLE, "ElementSpacing")
    if stored and len(stored) < rank:
        raise field_error(TITLE, "ElementSpacing")
    sizes = [*(abs(size) for size in stored[: min(rank, 3)]), np.nan, np.nan, np.nan][:3]
    known = [bool(np.isfinite(size) and size > 0) for size in sizes]
    return sizes, (known[0], known[1], known[2])


def _offset(fields: Mapping[str, str], rank: int) -> np.ndarray:
    """(3,) the LPS position of the first voxel; zero where it is not given."""
    text = next((fields[name] for name in ("Offset", "Position", "Origin") if name in fields), None)
    if text is None:
        return np.zeros(3)
    stored = numbers(text, TITLE, "Offset")
    if len(stored) != rank:
        raise field_error(TITLE, "Offset")
    return np.array(stored[:3])


def _with_place(volume: VolumeHeader, fields: Mapping[str, str]) -> TextHeader:
    if not _is_true({"BinaryData": "True", **fields}, "BinaryData"):
        raise UnreadableInput("The MetaImage image is stored as text; save it as binary data.")
    is_packed = _is_true(fields, "CompressedData")
    skip = whole_numbers(fields.get("HeaderSize", "0"), TITLE, "HeaderSize")
    if len(skip) != 1 or (skip[0] < 0 and is_packed):
        raise field_error(TITLE, "HeaderSize")
    name = fields["ElementDataFile"]
    is_local = name.upper() == "LOCAL"
    return TextHeader(
        volume,
        "zlib" if is_packed else "raw",
        None if is_local else checked_name(name, TITLE),
        0 if is_local else checked_skip(skip[0], TITLE, "HeaderSize"),
    )
