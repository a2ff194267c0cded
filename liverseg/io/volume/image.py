"""Build a CT image from the checked header of a volume file and the stream of its voxels."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import numpy as np

from liverseg.core import limits
from liverseg.core.image import CTImage
from liverseg.core.window import Window
from liverseg.errors import InputTooLarge, UnreadableInput
from liverseg.io.checks import (
    AIR_HU,
    MAX_HU,
    PADDING_BELOW_HU,
    READ_AS_NEGATIVE,
    hu_warnings,
    replace_padding,
)
from liverseg.io.fast_gzip import DAMAGE_ERRORS
from liverseg.io.slice_levels import level_warnings
from liverseg.io.volume.grey import grey_values
from liverseg.io.volume.voxels import ByteSource, VolumeHeader, read_voxels, truncated


def read_image(stream: ByteSource, header: VolumeHeader, bytes_left: int | None, window: Window) -> CTImage:
    """The image whose first voxel is next in `stream`, as a CTImage.

    `bytes_left` is what the stream still holds, None where it is unpacked while it is read. HU are `value *
    slope + intercept`. Values that are not finite become air (-1024 HU), and unsigned 16-bit values that no
    CT has are read as negative numbers, both with a warning. 8-bit grey cannot be HU; HU are rebuilt from it
    through `window`, with a warning. Raises InputTooLarge/InputTooSmall before the image is read,
    UnreadableInput for a truncated or damaged file and where more than half of the values are not finite, and
    NotCT for labels or a single slice that is not axial.
    """
    with unpacking(header.title):
        return _read(stream, header, bytes_left, window)


@contextmanager
def unpacking(title: str) -> Iterator[None]:
    """Turn what a packed stream raises for damage or a missing end into `UnreadableInput`."""
    try:
        yield
    except EOFError as error:
        raise UnreadableInput(truncated(title)) from error
    except DAMAGE_ERRORS as error:
        raise UnreadableInput(
            f"The {title} file is damaged: its compressed data cannot be unpacked."
        ) from error


def _read(stream: ByteSource, header: VolumeHeader, bytes_left: int | None, window: Window) -> CTImage:
    title = header.title
    needed = int(np.prod(header.shape, dtype=object)) * header.dtype.itemsize
    if needed > limits.MAX_FILE_BYTES:
        raise InputTooLarge(
            f"The {title} image takes more than 2 GiB; crop it or store it as 16-bit integers."
        )
    if bytes_left is not None and needed > bytes_left:
        raise UnreadableInput(truncated(title))
    hu, native, extremes = read_voxels(stream, header)
    stream.read(1)  # makes a packed stream verify its checksum
    warnings = header.geometry.warnings
    if not np.isfinite(extremes).all():
        missing = ~np.isfinite(hu)
        if missing.mean() > 0.5:
            raise UnreadableInput(f"More than half of the {title} image's values are not finite numbers.")
        hu[missing] = AIR_HU
        warnings += (f"{int(missing.sum())} values are not finite numbers; they were taken as air.",)
        extremes = np.array([hu.min(), hu.max()])
    grey = grey_values(hu, extremes, header, window)
    if grey is None:
        if extremes[1] > MAX_HU and header.dtype.newbyteorder("=") == np.uint16:
            hu[hu > MAX_HU] -= np.float32(2**16 * header.slope)
            extremes = np.array([hu.min(), hu.max()])
            warnings += (READ_AS_NEGATIVE,)
        if extremes[0] < PADDING_BELOW_HU:
            replace_padding(hu)
            extremes = np.array([hu.min(), hu.max()])
        warnings += (*hu_warnings(extremes), *level_warnings(hu))
    else:
        hu, warning = grey
        warnings += (warning,)
    return CTImage(
        hu=hu,
        spacing_mm=header.geometry.spacing_mm,
        spacing_source=header.geometry.spacing_source,
        source_format=title.lower(),
        native=native,
        kind="slice" if hu.shape[0] == 1 else "volume",
        assumed_window=None if grey is None else window,
        warnings=warnings,
        orientation_known=header.geometry.orientation_known,
    )
