"""The limits that every reader checks before it decodes anything, in one place.

What is within them may still be much smaller packed than it is unpacked, so the last ones bound how far a
small file can make work for the reader: a bomb, or millions of parts without content.
"""

from __future__ import annotations

from liverseg.errors import InputTooLarge, InputTooSmall

MIN_SIDE_PX = 64
"""Smallest number of rows or columns of a slice (contract 1: any H, W from 64 to 2048)."""

MAX_SIDE_PX = 2048
"""Largest number of rows or columns of a slice."""

MAX_SLICES = 1000
"""Largest number of slices of a volume."""

MAX_VOXELS = 1024 * 512 * 512
"""Largest number of voxels of a volume: 1 GiB as float32."""

MAX_FILE_BYTES = 2 * 1024**3
"""Largest file that is opened at all."""

MAX_UPLOAD_GB = 1
"""Largest file that the page takes; a CT volume of 1000 slices is 0.5 GB uncompressed."""

MAX_PICTURE_BYTES = 64 * 1024**2
"""Largest PNG or JPEG: the largest slice takes half of it, uncompressed with 16 bits and four channels."""

MAX_FILES = 10_000
"""Largest number of files in a folder, list or zip that are looked at."""

MAX_MEMBER_BYTES = 544 * 1024**2
"""Largest DICOM file in a zip, unpacked: 1000 slices of 512 × 512 as one file, and its headers."""

MAX_UNPACKED_RATIO = 200
"""What unpacks to more than this many times its size is refused; CT stays below 10, and nothing but air
below 100."""

UNCHECKED_UNPACKED_BYTES = 64 * 1024**2
"""Up to this size the ratio does not matter: nobody is harmed."""

MAX_PICTURE_PARTS = 20_000
"""Chunks of a PNG, or segments of a JPEG: libpng makes 4000 of the largest slice."""

MAX_JPEG_SCANS = 200
"""Scans of a JPEG, each of which goes over the whole picture: encoders make about ten."""

MAX_DICOM_READS = 240_000
"""Steps of reading a DICOM header, two or three an element: 1000 frames of an Enhanced CT take half of it."""

MAX_FRAME_GROUPS_BYTES = 8 * 1024**2
"""Size of the description of an Enhanced CT's frames: 8 kB a frame, of which real files use one or two."""


def is_bomb(unpacked_bytes: int, packed_bytes: int) -> bool:
    """Whether something unpacks to far more than a CT does.

    >>> is_bomb(500 * 2**20, 60 * 2**20), is_bomb(500 * 2**20, 2**20), is_bomb(2**20, 1)
    (False, True, False)
    """
    return unpacked_bytes > max(UNCHECKED_UNPACKED_BYTES, MAX_UNPACKED_RATIO * packed_bytes)


def check_shape(slices: int, rows: int, columns: int) -> None:
    """Refuse a picture or volume beyond the limits of this module, before anything of it is decoded."""
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
    if min(rows, columns) < MIN_SIDE_PX:
        raise InputTooSmall(
            f"The picture has {columns} × {rows} pixels; liverseg needs at least {MIN_SIDE_PX} a side."
        )
