"""Encode DICOM frames in compressed transfer syntaxes with GDCM."""

from __future__ import annotations

import gdcm
import numpy as np

SYNTAXES = {
    "1.2.840.10008.1.2.4.50": gdcm.TransferSyntax.JPEGBaselineProcess1,
    "1.2.840.10008.1.2.4.51": gdcm.TransferSyntax.JPEGExtendedProcess2_4,
    "1.2.840.10008.1.2.4.57": gdcm.TransferSyntax.JPEGLosslessProcess14,
    "1.2.840.10008.1.2.4.70": gdcm.TransferSyntax.JPEGLosslessProcess14_1,
    "1.2.840.10008.1.2.4.80": gdcm.TransferSyntax.JPEGLSLossless,
    "1.2.840.10008.1.2.4.81": gdcm.TransferSyntax.JPEGLSNearLossless,
    "1.2.840.10008.1.2.4.90": gdcm.TransferSyntax.JPEG2000Lossless,
    "1.2.840.10008.1.2.4.91": gdcm.TransferSyntax.JPEG2000,
}
"""The supported transfer syntaxes by UID."""


def encode(stored: np.ndarray, syntax: str, bits_stored: int) -> bytes:
    """One compressed frame of `stored` (rows, columns) with 8 or 16 bits per pixel; `syntax` is a UID."""
    writer = gdcm.ImageWriter()
    image = writer.GetImage()
    image.SetNumberOfDimensions(2)
    image.SetDimensions((stored.shape[1], stored.shape[0], 1))
    grey = gdcm.PhotometricInterpretation(gdcm.PhotometricInterpretation.MONOCHROME2)
    image.SetPhotometricInterpretation(grey)
    image.SetTransferSyntax(gdcm.TransferSyntax(gdcm.TransferSyntax.ExplicitVRLittleEndian))
    # For JPEG Extended, GDCM selects its 12-bit codec by the bits allocated.
    allocated = 12 if syntax.endswith("4.51") else stored.itemsize * 8
    signed = int(stored.dtype.kind == "i")
    image.SetPixelFormat(gdcm.PixelFormat(1, allocated, bits_stored, bits_stored - 1, signed))
    element = gdcm.DataElement(gdcm.Tag(0x7FE0, 0x0010))
    element.SetByteStringValue(stored.tobytes())
    image.SetDataElement(element)
    change = gdcm.ImageChangeTransferSyntax()
    change.SetTransferSyntax(gdcm.TransferSyntax(SYNTAXES[syntax]))
    codec = _lossy_codec(syntax)
    if codec is not None:
        change.SetUserCodec(codec)
    change.SetInput(image)
    assert change.Change()
    fragments = change.GetOutput().GetDataElement().GetSequenceOfFragments()
    parts = (fragments.GetFragment(i) for i in range(fragments.GetNumberOfFragments()))
    return b"".join(p.GetByteValue().GetBuffer().encode("utf-8", "surrogateescape") for p in parts)


def _lossy_codec(syntax: str) -> gdcm.ImageCodec | None:
    """The codec for a lossy syntax; None where GDCM chooses it."""
    if syntax.endswith("4.81"):
        codec = gdcm.JPEGLSCodec()
        codec.SetLossless(False)
        codec.SetLossyError(2)
        return codec
    if syntax.endswith("4.91"):
        codec = gdcm.JPEG2000Codec()
        codec.SetReversible(False)
        codec.SetRate(0, 4)
        return codec
    return None
