"""From a DICOM image's stored values to HU.

The Modality LUT (slope and intercept) turns stored values into HU whatever the photometric
interpretation, which only says how HU are shown (PS3.3 C.11.1, C.7.6.3.1.2). So MONOCHROME1 is not
inverted when there is a rescale, with one exception below for files that are negatives all the same.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

import cv2
import numpy as np
import pydicom
from pydicom.encaps import generate_frames
from pydicom.pixels import iter_pixels
from pydicom.uid import JPEG2000 as JPEG2000Lossy
from pydicom.uid import (
    JPEG2000TransferSyntaxes,
    JPEGBaseline8Bit,
    JPEGExtended12Bit,
    JPEGLSNearLossless,
    JPEGLSTransferSyntaxes,
    JPEGTransferSyntaxes,
    RLELossless,
)

from liverseg.core.window import Window, from_unit
from liverseg.errors import UnreadableInput
from liverseg.io.checks import AIR_HU, air_for_padding, border_ring
from liverseg.io.dicom.dataset import is_capture, numbers
from liverseg.io.dicom.decoder import FrameDecoder
from liverseg.io.dicom.jpeg_header import codestream_precision
from liverseg.io.picture.sixteen_bit import hu_or_unit

_PADDING_IS_AIR_HU = -900.0
_RLE_HEADER_BYTES = 64
_NO_RESCALE = "The DICOM file is damaged: its rescale slope or intercept is not a usable number."
_COMPRESSED = {*JPEGTransferSyntaxes, *JPEGLSTransferSyntaxes, *JPEG2000TransferSyntaxes}
_LOSSY = {JPEGBaseline8Bit, JPEGExtended12Bit, JPEGLSNearLossless, JPEG2000Lossy}


class Rescale(NamedTuple):
    """HU = stored * slope + intercept."""

    slope: float
    intercept: float
    intercept_is_assumed: bool = False  # the file gives a slope only


def is_grey(dataset: pydicom.Dataset, rescale: Rescale | None) -> bool:
    """Whether an image stores 8-bit grey instead of CT numbers: few bits and no rescale to HU.

    A slope of 1 and an intercept of 0 are no rescale: writers of 8-bit pictures put them there by
    default, and unsigned bytes that are HU have no air.
    """
    if int(dataset.BitsStored) > 8:
        return False
    return rescale is None or (rescale[:2] == (1.0, 0.0) and not int(dataset.PixelRepresentation))


def is_wide_capture(dataset: pydicom.Dataset) -> bool:
    """Whether an image is an unsigned secondary capture of 9 to 16 bits."""
    return is_capture(dataset) and not int(dataset.PixelRepresentation) and 8 < int(dataset.BitsStored) <= 16


def pixel_warnings(dataset: pydicom.Dataset, rescale: Rescale | None, window: Window) -> tuple[str, ...]:
    """Sentences on how the values of a frame with this rescale are stored."""
    warnings = []
    if is_capture(dataset):
        warnings.append(
            "The DICOM file is a secondary capture that says it is CT: its values and geometry were taken "
            "as they are."
        )
    if rescale is not None and rescale.intercept_is_assumed:
        warnings.append("The DICOM image has a rescale slope but no intercept, which was taken as 0.")
    if is_grey(dataset, rescale):
        warnings.append(
            "The DICOM image stores 8-bit grey without a rescale to HU: the HU were rebuilt as if it had "
            f"been made with the window {window.center_hu:g}/{window.width_hu:g} (centre/width)."
        )
    elif rescale is None and not is_wide_capture(dataset):
        warnings.append("The DICOM image has no rescale slope and intercept: its values were taken as HU.")
    if dataset.file_meta.TransferSyntaxUID in _LOSSY:
        warnings.append("The image was compressed with loss: its HU are approximate.")
    if str(dataset.get("BurnedInAnnotation") or "").upper() == "YES":
        warnings.append(
            "The DICOM file says that text is burned into the image: it may name the patient and disturb "
            "the result."
        )
    return tuple(warnings)


def stored_frames(dataset: pydicom.Dataset, decoder: FrameDecoder) -> Iterator[np.ndarray]:
    """The image's frames as stored values (H, W), with only the stored bits, sign-extended."""
    allocated, stored = int(dataset.BitsAllocated), int(dataset.BitsStored)
    high = int(dataset.get("HighBit", stored - 1))
    if allocated not in (8, 16, 32) or not 1 <= stored <= allocated or not stored - 1 <= high < allocated:
        raise UnreadableInput("The DICOM image's bit depth is not one that liverseg reads.")
    syntax = dataset.file_meta.TransferSyntaxUID
    if syntax in _COMPRESSED:
        rows, columns, signed = int(dataset.Rows), int(dataset.Columns), bool(dataset.PixelRepresentation)
        count = int(dataset.get("NumberOfFrames") or 1)
        for frame in generate_frames(dataset.PixelData, number_of_frames=count):
            bits = stored
            if syntax not in JPEGTransferSyntaxes:  # there the codestream says where the sign bit is
                bits = min(stored, codestream_precision(frame))
            yield stored_bits(decoder.decode(frame, syntax, rows, columns, signed), bits, bits - 1)
    elif syntax == RLELossless or not syntax.is_compressed or syntax.is_deflated:
        if syntax == RLELossless:
            _check_run_lengths(dataset, allocated)
        plugin = "pydicom" if syntax == RLELossless else ""  # "": nothing to decompress
        # pydicom's own handling of unused bits knows no high bit
        for frame in iter_pixels(dataset, raw=True, decoding_plugin=plugin, correct_unused_bits=False):
            yield stored_bits(frame, stored, high)
    else:
        raise UnreadableInput("The DICOM image is compressed in a way that liverseg does not read.")


def _check_run_lengths(dataset: pydicom.Dataset, allocated: int) -> None:
    """Raise UnreadableInput for a frame of run lengths that is larger than any encoder makes it.

    Run lengths never take much more than the frame itself, but unpack to 64 times their size.
    """
    frame_bytes = int(dataset.Rows) * int(dataset.Columns) * allocated // 8
    count = int(dataset.get("NumberOfFrames") or 1)
    for frame in generate_frames(dataset.PixelData, number_of_frames=count):
        if len(frame) > 2 * frame_bytes + _RLE_HEADER_BYTES:
            raise UnreadableInput("The DICOM image's run lengths are damaged and cannot be decoded.")


def stored_bits(words: np.ndarray, stored: int, high: int) -> np.ndarray:
    """The `stored` bits up to bit `high` of integers; of a signed type the topmost is the sign.

    >>> stored_bits(np.array([0x7FFF, 0x7800], np.int16), 12, 11).tolist()
    [-1, -2048]
    """
    width = words.dtype.itemsize * 8
    return words if width <= stored else (words << (width - 1 - high)) >> (width - stored)


def hu_of(
    stored: np.ndarray, dataset: pydicom.Dataset, rescale: Rescale | None, window: Window
) -> tuple[np.ndarray, bool, tuple[str, ...]]:
    """Stored values (H, W) as float32 HU, padding as air; whether `window` made the HU; warnings.

    Without a rescale MONOCHROME1 values are inverted over the stored range, 8-bit values go through
    `window`, wider ones of secondary captures are read as those of a picture are
    (`liverseg.io.picture.sixteen_bit`), and others are taken as HU.
    """
    grey = is_grey(dataset, rescale)
    inverted = str(dataset.get("PhotometricInterpretation")) == "MONOCHROME1"
    padding = _padding_mask(stored, dataset)
    warnings: tuple[str, ...] = ()
    if rescale is None or grey:
        values = _negative(stored, dataset) if inverted else stored
        if grey:
            bits = int(dataset.BitsStored)
            floor = -(2.0 ** (bits - 1)) if int(dataset.PixelRepresentation) else 0.0
            top = 2.0**bits - 1
            hu = from_unit((values.astype(np.float32) - np.float32(floor)) / np.float32(top), window)
        elif is_wide_capture(dataset):
            to_the_top = 16 - int(dataset.BitsStored) if values.max() > 255 else 0
            hu, is_hu, sentence = hu_or_unit(values.astype(np.int64) << to_the_top)
            grey, warnings = not is_hu, (sentence,)
            hu = hu if is_hu else from_unit(hu, window)
        else:
            hu = values.astype(np.float32)
    else:
        hu = _rescaled(stored, rescale)
        # A negative all the same: air surrounds a body, and nothing that surrounds one is as dense as bone.
        if inverted and np.median(border_ring(hu)) > 500:
            negative = _rescaled(_negative(stored, dataset), rescale)
            if np.median(border_ring(negative)) < -500:
                hu = negative
                warnings = ("The DICOM image (MONOCHROME1) is stored as a negative; it was inverted.",)
    hu[_outside(padding, hu)] = AIR_HU
    air_for_padding(hu)
    return hu, grey, warnings


def rescale_of(dataset: pydicom.Dataset) -> Rescale | None:
    """The rescale of a dataset or functional group; None where it has neither of its two elements.

    A missing slope is 1, a missing intercept 0: the values that change nothing.
    """
    has_slope, has_intercept = (dataset.get(k) is not None for k in ("RescaleSlope", "RescaleIntercept"))
    if not has_slope and not has_intercept:
        return None
    slope = numbers(dataset, "RescaleSlope", 1) if has_slope else (1.0,)
    intercept = numbers(dataset, "RescaleIntercept", 1) if has_intercept else (0.0,)
    if slope is None or intercept is None or slope[0] == 0:
        raise UnreadableInput(_NO_RESCALE)
    return Rescale(slope[0], intercept[0], not has_intercept)


def _rescaled(stored: np.ndarray, rescale: Rescale) -> np.ndarray:
    # float64 until the last step for 32-bit values, which float32 does not hold
    work = np.float32 if stored.dtype.itemsize <= 2 else np.float64
    with np.errstate(over="ignore", invalid="ignore"):
        hu = (stored.astype(work) * work(rescale[0]) + work(rescale[1])).astype(np.float32)
    if not np.isfinite(hu).all():
        raise UnreadableInput(_NO_RESCALE)
    return hu


def _negative(stored: np.ndarray, dataset: pydicom.Dataset) -> np.ndarray:
    """Stored values mirrored within the range of the stored bits."""
    if int(dataset.PixelRepresentation):
        return -1 - stored.astype(np.int64)
    return 2 ** int(dataset.BitsStored) - 1 - stored.astype(np.int64)


def _outside(padding: np.ndarray, hu: np.ndarray) -> np.ndarray:
    """The part of a padding mask (H, W) that is surely padding.

    All of it that is air or less. Denser padding values occur in tissue too (a file may declare 0, and
    0 HU is water), so of these only areas that reach a corner of the picture, as what lies outside
    the round field of view does.
    """
    dense = padding & (hu > _PADDING_IS_AIR_HU)
    if not dense.any():
        return padding
    _, areas = cv2.connectedComponents(dense.astype(np.uint8), connectivity=4)
    corners = areas[[0, 0, -1, -1], [0, -1, 0, -1]]
    return (padding & ~dense) | np.isin(areas, corners[corners > 0])


def _padding_mask(stored: np.ndarray, dataset: pydicom.Dataset) -> np.ndarray:
    """Where the stored values are PixelPaddingValue, or lie up to PixelPaddingRangeLimit."""
    ends = [numbers(dataset, keyword, 1) for keyword in ("PixelPaddingValue", "PixelPaddingRangeLimit")]
    if ends[0] is None:
        return np.zeros(stored.shape, bool)
    allocated = int(dataset.BitsAllocated)
    ends = [int(end[0]) for end in ends if end is not None]
    if int(dataset.PixelRepresentation):  # some files write -2000 as the unsigned 63536
        ends = [end - 2**allocated if end >= 2 ** (allocated - 1) else end for end in ends]
    else:
        ends = [end + 2**allocated if end < 0 else end for end in ends]
    return (stored >= min(ends)) & (stored <= max(ends))
