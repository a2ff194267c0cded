"""Read and check the header of an NRRD file (.nrrd, .nhdr).

The format: https://teem.sourceforge.net/nrrd/format.html. What a CT does not need is refused by name: text
encodings, blocks, several values a voxel, several data files.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import BinaryIO

import numpy as np

from liverseg.errors import NotCT, UnreadableInput
from liverseg.io.nrrd.geometry import TITLE, nrrd_affine, space_directions
from liverseg.io.nrrd.segments import slicer_segments
from liverseg.io.volume.geometry import volume_geometry
from liverseg.io.volume.text_header import (
    TextHeader,
    checked_name,
    checked_skip,
    field_error,
    header_lines,
    whole_numbers,
)
from liverseg.io.volume.voxels import VolumeHeader, check_declared_shape

_MAX_RANK = 16  # of the format
_TYPES = {
    **dict.fromkeys(("signed char", "int8", "int8_t"), "i1"),
    **dict.fromkeys(("uchar", "unsigned char", "uint8", "uint8_t"), "u1"),
    **dict.fromkeys(("short", "short int", "signed short", "signed short int", "int16", "int16_t"), "i2"),
    **dict.fromkeys(("ushort", "unsigned short", "unsigned short int", "uint16", "uint16_t"), "u2"),
    **dict.fromkeys(("int", "signed int", "int32", "int32_t"), "i4"),
    **dict.fromkeys(("uint", "unsigned int", "uint32", "uint32_t"), "u4"),
    **dict.fromkeys(
        ("longlong", "long long", "long long int", "signed long long", "signed long long int"), "i8"
    ),
    **dict.fromkeys(("int64", "int64_t"), "i8"),
    **dict.fromkeys(
        ("ulonglong", "unsigned long long", "unsigned long long int", "uint64", "uint64_t"), "u8"
    ),
    "float": "f4",
    "double": "f8",
}
_PACKINGS = {"raw": "raw", "gzip": "gzip", "gz": "gzip", "bzip2": "bzip2", "bz2": "bzip2"}
_SPATIAL_KINDS = ("domain", "space", "???", "none")
_SEGMENT = re.compile(r"Segment\d+_|Segmentation_")  # keys that 3D Slicer writes


def read_nrrd_header(stream: BinaryIO, is_mask: bool = False) -> TextHeader:
    """The header of an NRRD stream, which is left after the header.

    With `is_mask` it may be a segmentation of 3D Slicer, with several layers. Raises UnreadableInput for a
    damaged header and for an encoding that is not read, NotCT for several values a voxel and, unless
    `is_mask`, for a segmentation of 3D Slicer, and InputTooLarge for an impossible size.
    """
    fields, keys = _fields(stream)
    if not is_mask and any(_SEGMENT.match(key) for key in keys):
        raise NotCT(
            "This is a segmentation of 3D Slicer (.seg.nrrd), a mask and not a CT; give the CT that it was "
            "drawn on."
        )
    sizes = whole_numbers(_field(fields, "sizes"), TITLE, "“sizes”")
    rank = whole_numbers(_field(fields, "dimension"), TITLE, "“dimension”")
    if rank != (len(sizes),) or not 1 <= len(sizes) <= _MAX_RANK or min(sizes) < 1:
        raise UnreadableInput("The NRRD header is damaged: it declares an impossible image size.")
    kinds = fields.get("kinds", "").lower().split() or ["domain"] * len(sizes)
    if len(kinds) != len(sizes):
        raise field_error(TITLE, "“kinds”")
    layers = sizes[0] if is_mask and kinds[0] == "list" else 1
    if sum(size > 1 for size in sizes[layers > 1 :]) > 3:
        raise NotCT("The NRRD image has more than three dimensions (a time series or several channels).")
    directions = None
    if "spacedirections" in fields:
        directions = space_directions(fields["spacedirections"], len(sizes))
    kept = []
    for k, size in enumerate(sizes):
        is_spatial = kinds[k] in _SPATIAL_KINDS and (directions is None or directions[k] is not None)
        if not is_spatial and size > 1 and not (k == 0 and layers > 1):
            raise NotCT("The NRRD image has several values a voxel (colour, vectors or time), unlike a CT.")
        if is_spatial:
            kept.append(k)
    shape = tuple(sizes[k] for k in kept)
    if len(shape) < 2:
        raise UnreadableInput("The NRRD image has fewer than two axes in space.")
    check_declared_shape(TITLE, shape)
    chosen, unit = nrrd_affine(fields, directions, kept, shape)
    geometry = volume_geometry(TITLE, chosen, shape, unit)
    named = slicer_segments(keys) if is_mask else ()
    volume = VolumeHeader(TITLE, shape, _dtype(fields), geometry, layers=layers, named_labels=named)
    return _with_place(volume, fields)


def _fields(stream: BinaryIO) -> tuple[dict[str, str], dict[str, str]]:
    """The fields by their names in small letters without spaces, and the key/value pairs."""
    lines = header_lines(stream, TITLE)
    if not next(lines, "").startswith("NRRD"):
        raise UnreadableInput("The NRRD header is damaged: it does not start with NRRD.")
    fields: dict[str, str] = {}
    keys: dict[str, str] = {}
    for line in lines:
        if not line.strip():
            break
        if line.startswith("#"):
            continue
        name, mark, value = line.partition(":")
        if value.startswith("="):
            keys[name] = value[1:].strip()
        elif mark:
            fields[name.lower().replace(" ", "")] = value.strip()
        else:
            raise UnreadableInput("The NRRD header is damaged: one of its lines is not a field.")
    return fields, keys


def _field(fields: Mapping[str, str], name: str) -> str:
    if not fields.get(name):
        raise field_error(TITLE, f"“{name}”")
    return fields[name]


def _dtype(fields: Mapping[str, str]) -> np.dtype:
    name = " ".join(_field(fields, "type").lower().split())
    if name not in _TYPES:
        if name == "block":
            raise NotCT("The NRRD image's data type (blocks of bytes) is not one a CT is stored in.")
        raise field_error(TITLE, "“type”")
    dtype = np.dtype(_TYPES[name])
    if dtype.itemsize == 1:
        return dtype
    endian = fields.get("endian", "").lower()
    if endian not in ("little", "big"):
        raise UnreadableInput(
            "The NRRD header does not say in which order the bytes of a number are (endian)."
        )
    return dtype.newbyteorder("<" if endian == "little" else ">")


def _with_place(volume: VolumeHeader, fields: Mapping[str, str]) -> TextHeader:
    encoding = _field(fields, "encoding").lower()
    if encoding not in _PACKINGS:
        if encoding in ("ascii", "txt", "text", "hex"):
            raise UnreadableInput(
                "The NRRD image is stored as text (ascii or hex); save it with the encoding raw or gzip."
            )
        raise field_error(TITLE, "“encoding”")
    if whole_numbers(fields.get("lineskip", "0"), TITLE, "“line skip”") != (0,):
        raise UnreadableInput(
            "The NRRD header skips lines of its data file; save the image with its header in one file."
        )
    skip = whole_numbers(fields.get("byteskip", "0"), TITLE, "“byte skip”")
    if len(skip) != 1 or (skip[0] < 0 and encoding != "raw"):
        raise field_error(TITLE, "“byte skip”")
    name = fields.get("datafile")
    return TextHeader(
        volume,
        _PACKINGS[encoding],
        None if name is None else checked_name(name, TITLE),
        checked_skip(skip[0], TITLE, "“byte skip”"),
        skips_packed=True,
    )
