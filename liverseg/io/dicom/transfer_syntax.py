"""Which transfer syntaxes of DICOM are decoded, and the names of those that are not (PS3.6 A)."""

from __future__ import annotations

import re

import pydicom
from pydicom.uid import (
    JPEG2000,
    UID,
    DeflatedExplicitVRLittleEndian,
    ExplicitVRBigEndian,
    ExplicitVRLittleEndian,
    ImplicitVRLittleEndian,
    JPEG2000Lossless,
    JPEGBaseline8Bit,
    JPEGExtended12Bit,
    JPEGLossless,
    JPEGLosslessSV1,
    JPEGLSLossless,
    JPEGLSNearLossless,
    RLELossless,
)

from liverseg.errors import UnreadableInput

UNCOMPRESSED = (
    ImplicitVRLittleEndian,
    ExplicitVRLittleEndian,
    ExplicitVRBigEndian,
    DeflatedExplicitVRLittleEndian,
)
CODED = (
    *(JPEGBaseline8Bit, JPEGExtended12Bit, JPEGLossless, JPEGLosslessSV1),
    *(JPEGLSLossless, JPEGLSNearLossless),
    *(JPEG2000Lossless, JPEG2000),
)
"""Transfer syntaxes of JPEG, JPEG-LS and JPEG 2000."""

_PREFIX = "1.2.840.10008.1.2."
_FAMILIES = (  # names by the part of the UID after `_PREFIX`
    (r"4\.(110|111|112)", "JPEG XL"),
    (r"4\.(201|202|203|204|205)", "High-Throughput JPEG 2000"),
    (r"4\.(92|93)", "multi-component JPEG 2000"),
    (r"4\.(94|95)|8\.1", "JPIP"),
    (r"4\.(100|101)(\.1)?", "MPEG-2 video"),
    (r"4\.10[2-6](\.1)?", "H.264 video"),
    (r"4\.(107|108)", "H.265 video"),
    (r"4\.(5[2-6]|5[89]|6[0-6])", "a retired process of JPEG"),
    (r"7\.[123]", "SMPTE ST 2110 video"),
)
_WHOLE_UID = re.compile(r"[0-9.]{1,64}")
_NOT_READ = "The DICOM image is compressed in a way that liverseg does not read"


def check_transfer_syntax(dataset: pydicom.Dataset) -> UID:
    """The transfer syntax of an image that can be decoded. Raises UnreadableInput, with its name, for others.

    It may be unknown to pydicom, which then reads the elements as Explicit VR Little Endian.
    """
    syntax = UID(str(dataset.file_meta.TransferSyntaxUID))
    if syntax in UNCOMPRESSED or syntax == RLELossless or syntax in CODED:
        return syntax
    tail = syntax.removeprefix(_PREFIX)
    name = next((name for pattern, name in _FAMILIES if re.fullmatch(pattern, tail)), None)
    if syntax.startswith(_PREFIX) and name is not None:
        raise UnreadableInput(f"{_NOT_READ}: {name}.")
    number = f" (transfer syntax {syntax})" if _WHOLE_UID.fullmatch(syntax) else ""
    raise UnreadableInput(
        f"The DICOM image is stored or compressed in a way that liverseg does not read{number}."
    )
