"""PNG and JPEG pictures of a CT slice: grey that was made with a window, without millimetres."""

from __future__ import annotations

import warnings
from typing import BinaryIO

import numpy as np
from PIL import Image

from liverseg.core.image import CTImage, NativeGrid
from liverseg.core.limits import check_shape
from liverseg.core.window import Window, from_unit
from liverseg.errors import InputTooLarge, UnreadableInput
from liverseg.io.checks import air_for_padding, grey_warnings, hu_warnings
from liverseg.io.picture.chunk_limits import check_parts
from liverseg.io.picture.colour import grey_of
from liverseg.io.picture.sixteen_bit import hu_or_unit

# Our own limit is stricter than the one Pillow warns at, and is checked before decoding.
warnings.simplefilter("ignore", Image.DecompressionBombWarning)
# A damaged picture is refused in a sentence of ours; what Pillow says of it besides is noise.
warnings.filterwarnings("ignore", module=r"PIL\.")

_EXIF_ORIENTATION = 0x0112
# orientation -> (rows and columns swapped, rows flipped, columns flipped), the last two after the swap
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
    """A PNG or JPEG (`kind` "png" or "jpeg") as a CTImage with HU rebuilt through `window`.

    Grey in [0, 1] becomes `window.low_hu + grey * window.width_hu`; 16-bit values that are HU with an
    offset are taken as such (`liverseg.io.picture.sixteen_bit`). Spacing is unknown. The grid
    kept in `native` is the stored one; an EXIF orientation is part of its axes and flips.
    Raises InputTooLarge/InputTooSmall before decoding, NotCT for a colour photograph,
    UnreadableInput for a damaged or animated picture, or 16 bits of unknown meaning.
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
            raise UnreadableInput(
                "The file holds several pictures or an animation; save one slice as one picture."
            )
        is_wide = any(";16B" in str(tile[3]) for tile in image.tile)  # what decoding will empty
        swapped, *flips = _EXIF_GRID.get(image.getexif().get(_EXIF_ORIENTATION), _EXIF_GRID[1])
        stored, is_hu, sentences = _grey(image, is_wide)
    axes = (2, 1, 0) if swapped else (2, 0, 1)
    native = NativeGrid((rows, columns), axes, (False, *flips))
    values = np.ascontiguousarray(native.to_radiological(stored))
    assumption = (
        "A picture stores grey, not HU: the HU were rebuilt as if it had been made with the window "
        f"{window.center_hu:g}/{window.width_hu:g} (centre/width), and values outside that window are lost."
    )
    if is_hu:
        air_for_padding(values)
        doubts = (*sentences, *hu_warnings(values))
    else:
        doubts = (*sentences, *grey_warnings(values[0]))
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
            *doubts,
        ),
    )


def _grey(image: Image.Image, is_wide: bool) -> tuple[np.ndarray, bool, tuple[str, ...]]:
    """The picture (rows, columns) float32 as stored: grey in [0, 1] or HU, whether HU, and warnings.

    `is_wide` says that the file has 16 bits a channel, of colour Pillow only keeps the upper 8.
    """
    if image.mode.startswith("I"):
        stored = np.asarray(image).astype(np.int64).clip(0, 65535)
        clear = image.info.get("transparency")
        if isinstance(clear, int):
            stored[stored == clear] = 0
        values, is_hu, sentence = hu_or_unit(stored)
        return values, is_hu, (sentence,)
    transparent = "transparency" in image.info or image.mode in ("LA", "PA", "RGBA")
    if image.mode in ("1", "L") and not transparent:
        two_tone = image.mode == "1"
        grey = np.asarray(image.convert("L"), np.float32) / np.float32(255)
        sentences = ("The picture has one bit a pixel: only black and white are left of the HU.",) * two_tone
        return grey, False, sentences
    rgba = np.asarray(image.convert("RGBA"), np.uint16)  # (rows, columns, 4); 255 * 255 fits
    if is_wide and rgba[..., :3].max() < 192:
        raise UnreadableInput(
            "The picture has 16 bits a channel but uses only a part of their range; save it with 8 bits and "
            "a known window, or as NIfTI or DICOM."
        )
    rgb = (rgba[..., :3] * rgba[..., 3:] + 127) // 255  # over black: transparent is black
    grey, sentences = grey_of(rgb)
    return grey.astype(np.float32) / np.float32(255), False, sentences
