"""Converts the stored values of DICOM images to HU.

The Modality LUT (slope and intercept) maps stored values to HU. The photometric interpretation only says how
HU are displayed (PS3.3 C.11.1, C.7.6.3.1.2). So MONOCHROME1 is not inverted if the image has a rescale,
except for files that are stored as negatives nevertheless (see `hu_of`).
"""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import pydicom
from pydicom.encaps import generate_frames
from pydicom.pixels import iter_pixels
from pydicom.uid import JPEG2000 as JPEG2000Lossy
from pydicom.uid import (
    UID,
    JPEGBaseline8Bit,
    JPEGExtended12Bit,
    JPEGLSNearLossless,
    JPEGTransferSyntaxes,
    RLELossless,
)

from liverseg.core.window import Window, from_unit
from liverseg.errors import UnreadableInput
from liverseg.io.checks import AIR_HU, READ_AS_NEGATIVE, border_ring, replace_padding
from liverseg.io.dicom.dataset import is_secondary_capture
from liverseg.io.dicom.decoder import FrameDecoder
from liverseg.io.dicom.jpeg_header import codestream_precision
from liverseg.io.dicom.modality_lut import ModalityLut
from liverseg.io.dicom.padding import certain_padding, padding_mask, stored_as_negative
from liverseg.io.dicom.rescale import Rescale, apply_rescale
from liverseg.io.dicom.transfer_syntax import CODED, check_transfer_syntax
from liverseg.io.picture.sixteen_bit import hu_or_unit

ValueMap = Rescale | ModalityLut

_BONE_HU, _NEGATIVE_AIR_HU = 500.0, -500.0  # limits of the border's median that identify a negative
_RLE_HEADER_BYTES = 64
_LOSSY = {JPEGBaseline8Bit, JPEGExtended12Bit, JPEGLSNearLossless, JPEG2000Lossy}


def is_grey(dataset: pydicom.Dataset, rescale: ValueMap | None) -> bool:
    """Whether an image stores at most 8 bits of grey without a rescale to HU.

    A slope of 1 and an intercept of 0 do not count as a rescale: writers of 8-bit pictures set them by
    default, and HU in unsigned bytes could not represent air.
    """
    if int(dataset.BitsStored) > 8 or isinstance(rescale, ModalityLut):
        return False
    return rescale is None or (rescale[:2] == (1.0, 0.0) and not int(dataset.PixelRepresentation))


def is_wide_capture(dataset: pydicom.Dataset) -> bool:
    """Whether an image is an unsigned secondary capture of 9 to 16 bits."""
    return (
        is_secondary_capture(dataset)
        and not int(dataset.PixelRepresentation)
        and 8 < int(dataset.BitsStored) <= 16
    )


def pixel_warnings(dataset: pydicom.Dataset, rescale: ValueMap | None, window: Window) -> tuple[str, ...]:
    """Warnings about the stored values of a frame with this rescale."""
    warnings = []
    if is_secondary_capture(dataset):
        warnings.append(
            "The DICOM file is a secondary capture marked as CT: its values and geometry were used as they "
            "are."
        )
    if isinstance(rescale, ModalityLut) and (dataset.get("RescaleSlope") or dataset.get("RescaleIntercept")):
        warnings.append(
            "The DICOM image has both a Modality LUT and a rescale, which exclude each other: the Modality "
            "LUT was used."
        )
    if isinstance(rescale, Rescale) and rescale.intercept_is_assumed:
        warnings.append(
            "The DICOM image has a rescale slope but no intercept; an intercept of 0 was assumed."
        )
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
            "The DICOM file says that text is burned into the image: it may identify the patient and "
            "disturb the result."
        )
    return tuple(warnings)


def stored_frames(dataset: pydicom.Dataset, decoder: FrameDecoder) -> Iterator[np.ndarray]:
    """The frames of an image as stored values (H, W): only the stored bits, sign-extended.

    Raises UnreadableInput for an unsupported bit depth or compression and for damaged data, and what
    `FrameDecoder.decode` raises.
    """
    syntax, allocated = check_decodable(dataset), int(dataset.BitsAllocated)
    stored = int(dataset.BitsStored)
    high = int(dataset.get("HighBit", stored - 1))
    if syntax in CODED:
        rows, columns, signed = int(dataset.Rows), int(dataset.Columns), bool(dataset.PixelRepresentation)
        count = int(dataset.get("NumberOfFrames") or 1)
        for frame in generate_frames(dataset.PixelData, number_of_frames=count):
            bits = stored
            if syntax not in JPEGTransferSyntaxes:  # JPEG-LS and JPEG 2000 codestreams define the sign bit
                bits = min(stored, codestream_precision(frame))
            yield stored_bits(decoder.decode(frame, syntax, rows, columns, signed), bits, bits - 1)
        return
    if syntax == RLELossless:
        _check_run_lengths(dataset, allocated)
    plugin = "pydicom" if syntax == RLELossless else ""  # "": nothing to decompress
    # pydicom's own handling of unused bits ignores HighBit.
    for frame in iter_pixels(dataset, raw=True, decoding_plugin=plugin, correct_unused_bits=False):
        yield _with_signs(frame, stored, high)


def check_decodable(dataset: pydicom.Dataset) -> UID:
    """The transfer syntax of an image, by its header. Raises UnreadableInput for one that is not decoded.

    Reasons are an unsupported compression or bit depth.
    """
    syntax = check_transfer_syntax(dataset)
    allocated, stored = int(dataset.BitsAllocated), int(dataset.BitsStored)
    high = int(dataset.get("HighBit", stored - 1))
    if allocated not in (8, 16, 32) or not 1 <= stored <= allocated or not stored - 1 <= high < allocated:
        raise UnreadableInput("liverseg does not read the bit depth of the DICOM image.")
    return syntax


def _check_run_lengths(dataset: pydicom.Dataset, allocated: int) -> None:
    """Raise UnreadableInput for an RLE frame that is larger than any encoder makes it.

    RLE data are at most slightly larger than the frame, but can unpack to 64 times their size.
    """
    frame_bytes = int(dataset.Rows) * int(dataset.Columns) * allocated // 8
    count = int(dataset.get("NumberOfFrames") or 1)
    for frame in generate_frames(dataset.PixelData, number_of_frames=count):
        if len(frame) > 2 * frame_bytes + _RLE_HEADER_BYTES:
            raise UnreadableInput("The DICOM image's run lengths are damaged and cannot be decoded.")


def _with_signs(words: np.ndarray, stored: int, high: int) -> np.ndarray:
    """`stored_bits` of uncompressed words, in which a negative padding value keeps its sign.

    Unsigned images of 12 bits may be padded with -2000, whose sign fills the four bits above: all words with
    such bits then have them all, and one value. Anything else above the stored bits is dropped.
    """
    if words.dtype == np.uint16 and high == stored - 1 and stored < 16:
        above = words >> stored
        signed = above == (1 << (16 - stored)) - 1
        if signed.any() and (above[~signed] == 0).all() and len(np.unique(words[signed])) == 1:
            return words.view(np.int16)
    return stored_bits(words, stored, high)


def stored_bits(words: np.ndarray, stored: int, high: int) -> np.ndarray:
    """The `stored` bits of integers whose highest is bit `high`; the sign bit if the type is signed.

    >>> stored_bits(np.array([0x7FFF, 0x7800], np.int16), 12, 11).tolist()
    [-1, -2048]
    """
    width = words.dtype.itemsize * 8
    return words if width <= stored else (words << (width - 1 - high)) >> (width - stored)


def hu_of(
    stored: np.ndarray, dataset: pydicom.Dataset, rescale: ValueMap | None, window: Window
) -> tuple[np.ndarray, bool, tuple[str, ...]]:
    """(HU, through_window, warnings): stored values (H, W) as float32 HU, with padding set to air.

    `through_window` says whether the HU were reconstructed from grey values through `window`. Without a
    rescale, MONOCHROME1 values are inverted over the stored range; then 8-bit values are mapped through
    `window`, wider values of secondary captures are read like 16-bit pictures
    (`liverseg.io.picture.sixteen_bit`), and others are taken as HU.
    """
    grey = is_grey(dataset, rescale)
    inverted = str(dataset.get("PhotometricInterpretation")) == "MONOCHROME1"
    padding = padding_mask(stored, dataset)
    warnings: tuple[str, ...] = ()
    if rescale is None or grey:
        values = _negative(stored, dataset) if inverted else stored
        if grey:
            bits = int(dataset.BitsStored)
            floor = -(2.0 ** (bits - 1)) if int(dataset.PixelRepresentation) else 0.0
            top = 2.0**bits - 1
            hu = from_unit((values.astype(np.float32) - np.float32(floor)) / np.float32(top), window)
        elif is_wide_capture(dataset):
            shift = 16 - int(dataset.BitsStored) if values.max() > 255 else 0
            hu, is_hu, sentence = hu_or_unit(values.astype(np.int64) << shift)
            grey, warnings = not is_hu, (sentence,)
            hu = hu if is_hu else from_unit(hu, window)
        else:
            hu = values.astype(np.float32)
    else:
        hu = apply_rescale(stored, rescale)
        # A border as dense as bone that inverts to air shows a negative: air surrounds the body.
        if inverted and np.median(border_ring(hu)) > _BONE_HU:
            negative = apply_rescale(_negative(stored, dataset), rescale)
            if np.median(border_ring(negative)) < _NEGATIVE_AIR_HU:
                hu = negative
                warnings = ("The DICOM image (MONOCHROME1) is stored as a negative; it was inverted.",)
    if not grey and not inverted and not isinstance(rescale, ModalityLut):
        negative_pixels = stored_as_negative(stored, hu)
        if negative_pixels.any():
            signed = stored[negative_pixels].astype(np.uint16).view(np.int16)
            hu[negative_pixels] = apply_rescale(signed, rescale or Rescale(1.0, 0.0))
            warnings += (READ_AS_NEGATIVE,)
    hu[certain_padding(padding, hu)] = AIR_HU
    replace_padding(hu)
    return hu, grey, warnings


def _negative(stored: np.ndarray, dataset: pydicom.Dataset) -> np.ndarray:
    """Stored values inverted within the range of the stored bits."""
    if int(dataset.PixelRepresentation):
        return -1 - stored.astype(np.int64)
    return 2 ** int(dataset.BitsStored) - 1 - stored.astype(np.int64)
