"""Build NRRD and MetaImage files field by field, right or wrong."""

from __future__ import annotations

import bz2
import gzip
import zlib
from collections.abc import Callable, Mapping

import numpy as np

PACKERS: dict[str, Callable[[bytes], bytes]] = {
    "raw": lambda data: data,
    "gzip": lambda data: gzip.compress(data, 1, mtime=0),
    "bzip2": bz2.compress,
    "zlib": lambda data: zlib.compress(data, 1),
}
_NRRD_TYPES = {
    "int8": "signed char",
    "uint8": "uchar",
    "int16": "short",
    "uint16": "ushort",
    "float32": "float",
}
_META_TYPES = {
    "int8": "MET_CHAR", "uint8": "MET_UCHAR", "int16": "MET_SHORT", "uint16": "MET_USHORT",
    "float32": "MET_FLOAT",
}  # fmt: skip


def nrrd_header(array: np.ndarray, **changes: str | None) -> bytes:
    """The header of an array (X, Y, Z) with voxels of 0.7, 0.8 and 5 mm in LPS.

    `changes` sets fields, with _ for spaces; None leaves one out.
    """
    fields: dict[str, str | None] = {
        "type": _NRRD_TYPES[array.dtype.newbyteorder("=").name],
        "dimension": str(array.ndim),
        "space": "left-posterior-superior",
        "sizes": " ".join(map(str, array.shape)),
        "space directions": "(0.7,0,0) (0,0.8,0) (0,0,5)",
        "space origin": "(12,-34,56)",
        "kinds": "domain domain domain",
        "endian": "big" if array.dtype.byteorder == ">" else "little",
        "encoding": "raw",
    }
    fields |= {name.replace("_", " "): value for name, value in changes.items()}
    lines = [f"{name}: {value}" for name, value in fields.items() if value is not None]
    return "\n".join(["NRRD0004", "# a comment", *lines, "", ""]).encode()


def nrrd_file(array: np.ndarray, packing: str = "raw", **changes: str | None) -> bytes:
    """A file of one part; arguments as `nrrd_header`."""
    header = nrrd_header(array, **{"encoding": packing, **changes})
    return header + PACKERS[packing](array.tobytes(order="F"))


def metaimage_header(array: np.ndarray, changes: Mapping[str, str | None] | None = None) -> bytes:
    """The header of an array (X, Y, Z) with voxels of 0.7, 0.8 and 5 mm in LPS; None leaves a field out."""
    fields: dict[str, str | None] = {
        "ObjectType": "Image",
        "NDims": str(array.ndim),
        "BinaryData": "True",
        "BinaryDataByteOrderMSB": str(array.dtype.byteorder == ">"),
        "CompressedData": "False",
        "TransformMatrix": "1 0 0 0 1 0 0 0 1",
        "Offset": "12 -34 56",
        "CenterOfRotation": "0 0 0",
        "AnatomicalOrientation": "RAI",
        "ElementSpacing": "0.7 0.8 5",
        "DimSize": " ".join(map(str, array.shape)),
        "ElementType": _META_TYPES[array.dtype.newbyteorder("=").name],
        "ElementDataFile": "LOCAL",
    }
    fields |= changes or {}
    last = fields.pop("ElementDataFile")
    lines = [f"{name} = {value}" for name, value in fields.items() if value is not None]
    return "\n".join([*lines, *([] if last is None else [f"ElementDataFile = {last}"]), ""]).encode()


def metaimage_file(array: np.ndarray, packing: str = "raw", **changes: str | None) -> bytes:
    """A file of one part; arguments as `metaimage_header`."""
    data = PACKERS[packing](array.tobytes(order="F"))
    packed = {} if packing == "raw" else {"CompressedData": "True", "CompressedDataSize": str(len(data))}
    return metaimage_header(array, {**packed, **changes}) + data
