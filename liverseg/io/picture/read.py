"""Read PNG, JPEG, TIFF and WebP pictures of a CT slice: grey of a display window, without pixel spacing."""

from __future__ import annotations

import warnings
from typing import BinaryIO

import numpy as np
from PIL import Image

from liverseg.core.image import CTImage, NativeGrid
from liverseg.core.limits import check_shape
from liverseg.core.window import Window, from_unit
from liverseg.errors import InputTooLarge, UnreadableInput
from liverseg.io.checks import grey_warnings, hu_warnings, replace_padding
from liverseg.io.picture.chunk_limits import check_parts
from liverseg.io.picture.colour import grey_of
from liverseg.io.picture.sixteen_bit import hu_or_unit
from liverseg.io.picture.tiff_header import SEVERAL_PICTURES

# liverseg checks a stricter limit before decoding.
warnings.simplefilter("ignore", Image.DecompressionBombWarning)
# Pillow also warns about damaged pictures, which are refused with a LiversegError.
warnings.filterwarnings("ignore", module=r"PIL\.")

_EXIF_ORIENTATION = 0x0112
_PHOTOMETRIC = 262  # of TIFF
# orientation: (rows and columns swapped, rows flipped, columns flipped); flips apply after the swap
_EXIF_GRID = {
    1: (False, False, False),
    2: (False, False, True),
    3: (False, True, True),
    4: (False, True, False),
    5: (True, False, False),
    6: (True, False, True),
    7: (True, True, True),
    8: (True, True, False),
}


def read_picture(stream: BinaryIO, kind: str, window: Window) -> CTImage:
    """Read a picture of a `kind` of `sniff.PICTURE_KINDS` as a CTImage with HU rebuilt through `window`.

    Grey in [0, 1] becomes `window.low_hu + grey * window.width_hu`. 16-bit values that are HU with an
    offset are read as HU (`liverseg.io.picture.sixteen_bit`). Spacing and orientation in the patient are
    unknown. `native` describes the stored rows and columns; its axes and flips include the EXIF orientation.
    Raises InputTooLarge/InputTooSmall before decoding, NotCT for a colour photograph, and UnreadableInput
    for a damaged or animated picture and for 16-bit values of unknown meaning.
    """
    check_parts(stream, kind)
    try:
        image = Image.open(stream, formats=[kind.upper()])
    except (Image.DecompressionBombError, Image.DecompressionBombWarning) as error:
        raise InputTooLarge("The picture has far too many pixels for a CT slice.") from error
    with image:
        columns, rows = image.size
        check_shape(1, rows, columns)
        if getattr(image, "n_frames", 1) > 1:
            raise UnreadableInput(SEVERAL_PICTURES)
        is_16_bit = any(";16" in str(tile[3]) for tile in image.tile)  # decoding empties image.tile
        swapped, *flips = _EXIF_GRID.get(image.getexif().get(_EXIF_ORIENTATION), _EXIF_GRID[1])
        is_turned = kind == "tiff"  # Pillow turns a TIFF while it decodes it, and gives the size after that
        stored, is_hu, notes = _decode(image, is_16_bit)
    axes = (2, 1, 0) if swapped else (2, 0, 1)
    stored_shape = (columns, rows) if is_turned and swapped else (rows, columns)
    native = NativeGrid(stored_shape, axes, (False, *flips))
    values = np.ascontiguousarray(stored[None] if is_turned else native.to_radiological(stored))
    assumption = (
        "A picture stores grey, not HU: the HU were rebuilt as if it had been made with the window "
        f"{window.center_hu:g}/{window.width_hu:g} (centre/width), and values outside that window are lost."
    )
    if is_hu:
        replace_padding(values)
        notes += hu_warnings(values)
    else:
        notes += grey_warnings(values[0])
    return CTImage(
        hu=values if is_hu else from_unit(values, window),
        spacing_mm=None,
        spacing_source="unknown",
        source_format=kind,
        native=native,
        kind="slice",
        assumed_window=None if is_hu else window,
        warnings=(
            *(() if is_hu else (assumption,)),
            "A picture does not say how large a pixel is: sizes can only be given in pixels.",
            "A picture does not say how it lies in the patient: the patient's right is assumed at the left, "
            "and the front at the top.",
            *notes,
        ),
        orientation_known=False,
    )


def _decode(image: Image.Image, is_16_bit: bool) -> tuple[np.ndarray, bool, tuple[str, ...]]:
    """The stored picture (rows, columns) float32, whether it is HU (otherwise grey in [0, 1]), and warnings.

    `is_16_bit` says that the file has 16 bits per channel; Pillow keeps the upper 8 of a colour picture.
    """
    if image.mode.startswith("I"):
        stored = np.asarray(image).astype(np.int64).clip(0, 65535)
        if _is_white_zero(image):
            stored = 65535 - stored
        transparent_value = image.info.get("transparency")
        if isinstance(transparent_value, int):
            stored[stored == transparent_value] = 0
        values, is_hu, warning = hu_or_unit(stored)
        return values, is_hu, (warning,)
    has_transparency = "transparency" in image.info or image.mode in ("LA", "PA", "RGBA")
    if image.mode in ("1", "L") and not has_transparency:
        grey = np.asarray(image.convert("L"), np.float32) / np.float32(255)
        if image.mode == "L":
            return grey, False, ()
        return grey, False, ("The picture has one bit a pixel: only black and white are left of the HU.",)
    rgba = np.asarray(image.convert("RGBA"), np.uint16)  # (rows, columns, 4); 255 * 255 fits
    if is_16_bit and rgba[..., :3].max() < 192:
        raise UnreadableInput(
            "The picture has 16 bits a channel but uses only a part of their range; save it with 8 bits and "
            "a known window, or as NIfTI or DICOM."
        )
    rgb = (rgba[..., :3] * rgba[..., 3:] + 127) // 255  # blended over black
    grey, colour_warnings = grey_of(rgb)
    return grey.astype(np.float32) / np.float32(255), False, colour_warnings


def _is_white_zero(image: Image.Image) -> bool:
    """Whether a TIFF of 16 bits stores white as 0; Pillow turns only 8 bits and fewer to black as 0."""
    return getattr(image, "tag_v2", {}).get(_PHOTOMETRIC) == 0
