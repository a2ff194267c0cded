"""Limits that readers check before they decode a file.

The first limits bound the size of the image. The last ones bound the work that a small file can cause:
decompression bombs, and files with millions of empty parts.
"""

from __future__ import annotations

from liverseg.errors import InputTooLarge, InputTooSmall

MIN_SIDE_PX = 64
"""Smallest number of rows or columns of a slice; the checkpoint format requires 64 to 2048."""

MAX_SIDE_PX = 2048
"""Largest number of rows or columns of a slice."""

MAX_SLICES = 1000
"""Largest number of slices of a volume."""

MAX_VOXELS = 1024 * 512 * 512
"""Largest number of voxels of a volume: 1 GiB as float32."""

MAX_FILE_BYTES = 2 * 1024**3
"""Largest file that is opened."""

MAX_UPLOAD_GB = 1
"""Largest file that the page accepts; an uncompressed CT volume of 1000 slices has 0.5 GB."""

MAX_PICTURE_BYTES = 64 * 1024**2
"""Largest file of a picture: twice the largest slice, uncompressed with 16 bits and four channels."""

MAX_FILES = 10_000
"""Largest number of files read from a folder, list or zip archive."""

MAX_MEMBER_BYTES = 544 * 1024**2
"""Largest unpacked DICOM file in a zip archive: 1000 slices of 512 × 512 in one file, with headers."""

MAX_UNPACKED_RATIO = 200
"""Largest accepted ratio of unpacked to packed size. CT stays below 10, and a volume of air below 100."""

UNCHECKED_UNPACKED_BYTES = 64 * 1024**2
"""The ratio is not checked up to this unpacked size, which is harmless."""

MAX_PICTURE_PARTS = 20_000
"""Most chunks of a PNG, segments of a JPEG and the like; libpng writes 4000 chunks for the largest slice."""

MAX_JPEG_SCANS = 200
"""Most scans of a JPEG. Each scan decodes the whole picture; encoders write about ten."""

MAX_DICOM_READS = 240_000
"""Most read calls for a DICOM header, two or three per element; an Enhanced CT of 1000 frames takes half."""

MAX_FRAME_GROUPS_BYTES = 8 * 1024**2
"""Largest per-frame description of an Enhanced CT: 8 kB per frame; real files use 1 or 2 kB."""


def is_bomb(unpacked_bytes: int, packed_bytes: int) -> bool:
    """Whether the ratio of unpacked to packed size is that of a decompression bomb.

    >>> is_bomb(500 * 2**20, 60 * 2**20), is_bomb(500 * 2**20, 2**20), is_bomb(2**20, 1)
    (False, True, False)
    """
    return unpacked_bytes > max(UNCHECKED_UNPACKED_BYTES, MAX_UNPACKED_RATIO * packed_bytes)


def check_shape(slices: int, rows: int, columns: int) -> None:
    """Raise `InputTooLarge` or `InputTooSmall` for an image size beyond the limits of this module."""
    check_largest_shape(slices, rows, columns)
    if min(rows, columns) < MIN_SIDE_PX:
        raise InputTooSmall(
            f"The picture has {columns} × {rows} pixels; liverseg needs at least {MIN_SIDE_PX} a side."
        )


def check_largest_shape(slices: int, rows: int, columns: int) -> None:
    """As `check_shape`, for a mask, which may be a small part of an image."""
    if max(rows, columns) > MAX_SIDE_PX:
        raise InputTooLarge(
            f"The picture has {columns} × {rows} pixels; liverseg reads up to {MAX_SIDE_PX} a side."
        )
    if slices > MAX_SLICES:
        raise InputTooLarge(f"The volume has {slices} slices; liverseg reads up to {MAX_SLICES}.")
    if slices * rows * columns > MAX_VOXELS:
        raise InputTooLarge(
            f"The volume has {slices} × {rows} × {columns} voxels; liverseg reads up to {MAX_VOXELS}."
        )
    if min(slices, rows, columns) < 1:
        raise InputTooSmall("The image has no pixels.")
