"""PNG and JPEG pictures of a CT slice: grey that was made with a window, without millimetres."""

from __future__ import annotations

import warnings
from typing import BinaryIO

import numpy as np
from PIL import Image

from liverseg.ct import CTImage, NativeGrid
from liverseg.errors import InputTooLarge, NotCT, UnreadableInput
from liverseg.reading.checks import check_shape, grey_warnings
from liverseg.windowing import Window, from_unit

# Our own limit is stricter than the one Pillow warns at, and is checked before decoding.
warnings.simplefilter("ignore", Image.DecompressionBombWarning)

COLOURED_CHROMA = 16
"""A pixel is coloured when its channels (0-255) differ by more than this; JPEG noise stays below."""

MAX_COLOURED_SHARE = 0.10
"""Above this share of coloured pixels a picture is a photograph; below it, annotations on a slice."""

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

    Grey in [0, 1] becomes `window.low_hu + grey * window.width_hu`. Spacing is unknown. The grid
    kept in `native` is the stored one; an EXIF orientation is part of its axes and flips.
    Raises InputTooLarge/InputTooSmall before decoding, NotCT for a colour photograph,
    UnreadableInput for a damaged or animated picture.
    """
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
        swapped, *flips = _EXIF_GRID.get(image.getexif().get(_EXIF_ORIENTATION), _EXIF_GRID[1])
        stored, sentences = _grey(image)
    axes = (2, 1, 0) if swapped else (2, 0, 1)
    native = NativeGrid((rows, columns), axes, (False, *flips))
    unit = np.ascontiguousarray(native.to_radiological(stored))
    assumption = (
        "A picture stores grey, not HU: the HU were rebuilt as if it had been made with the window "
        f"{window.center_hu:g}/{window.width_hu:g} (centre/width), and values outside that window are lost."
    )
    return CTImage(
        hu=from_unit(unit, window),
        spacing_mm=None,
        spacing_source="unknown",
        source_format=kind,
        native=native,
        kind="slice",
        assumed_window=window,
        warnings=(
            assumption,
            "A picture does not say how large a pixel is: sizes can only be given in pixels.",
            *sentences,
            *grey_warnings(unit[0]),
        ),
    )


def _grey(image: Image.Image) -> tuple[np.ndarray, tuple[str, ...]]:
    """The picture as grey in [0, 1], (rows, columns) float32 as stored, and warnings."""
    if image.mode.startswith("I"):
        return _grey_16_bit(image)
    transparent = "transparency" in image.info or image.mode in ("LA", "PA", "RGBA")
    if image.mode in ("1", "L") and not transparent:
        two_tone = image.mode == "1"
        grey = np.asarray(image.convert("L"), np.float32) / np.float32(255)
        return grey, ("The picture has one bit a pixel: only black and white are left of the HU.",) * two_tone
    rgba = np.asarray(image.convert("RGBA"), np.uint16)  # (rows, columns, 4); 255 * 255 fits
    rgb = (rgba[..., :3] * rgba[..., 3:] + 127) // 255  # over black: transparent is black
    share = float((np.ptp(rgb, axis=-1) > COLOURED_CHROMA).mean())
    if share > MAX_COLOURED_SHARE:
        raise NotCT(
            f"This is a colour picture ({share:.0%} of it is coloured), not a CT slice, which is grey."
        )
    sentences = ()
    if share > 0:
        sentences = ("The picture holds coloured pixels (annotations?); they were turned to grey.",)
    # ITU-R 601 luma in integers that sum to 65536, so that equal channels come back unchanged
    luma = (rgb.astype(np.uint32) @ np.array([19595, 38470, 7471], np.uint32) + 32768) >> 16
    return luma.astype(np.float32) / np.float32(255), sentences


def _grey_16_bit(image: Image.Image) -> tuple[np.ndarray, tuple[str, ...]]:
    stored = np.asarray(image).astype(np.int64).clip(0, 65535)
    clear = image.info.get("transparency")
    if isinstance(clear, int):
        stored[stored == clear] = 0
    warning = "The picture has 16 bits a pixel: its full range (0 to 65535) was taken to span the window."
    if stored.max() < 16384:
        warning += (
            f" Its brightest value is only {stored.max()}, so it may store CT numbers instead: "
            "if it does, the result is wrong; save it as NIfTI or DICOM."
        )
    return stored.astype(np.float32) / np.float32(65535), (warning,)
