"""Recognise a file format by its first bytes; the file name is ignored."""

from __future__ import annotations

import zlib

from liverseg.errors import UnreadableInput
from liverseg.io.other_formats import is_metaimage, name_of_other_format

HEAD_BYTES = 4096
"""Number of bytes from the start of a file that `sniff` needs."""

PICTURE_KINDS = ("png", "jpeg", "tiff", "webp")
"""What `sniff` calls the formats of pictures."""

VOLUME_KINDS = ("nifti", "nifti-gz", "nrrd", "metaimage")
"""What `sniff` calls the formats of volume files, which hold one image with its geometry."""

FORMAT_LIST = "PNG, JPEG, TIFF, WebP, NIfTI, NRRD, MetaImage"
"""The formats of one image besides DICOM, as sentences list them."""

_SUPPORTED = f"liverseg reads {FORMAT_LIST} and DICOM"
NO_NIFTI_IN_GZIP = "The file is compressed with gzip, but there is no NIfTI image in it."
NIFTI_HEAD_BYTES = 540
"""The size of a NIfTI-2 header; those of NIfTI-1 and of tar are smaller."""

_GZIP_MAGIC = b"\x1f\x8b"
_NIFTI_1_SIZES = (b"\x5c\x01\0\0", b"\0\0\x01\x5c")  # sizeof_hdr = 348, in either byte order
_NIFTI_2_SIZES = (b"\x1c\x02\0\0", b"\0\0\x02\x1c")  # sizeof_hdr = 540
_FIRST_VRS = frozenset(  # value representations of the elements that a DICOM dataset may start with
    b"AE AS CS DA DT IS LO PN SH ST TM UI UL US".split()
)


def sniff(head: bytes) -> str:
    """The format of a file: "dicom", "zip", or one of `PICTURE_KINDS` and `VOLUME_KINDS`.

    `head` is its first `HEAD_BYTES` bytes. Raises `UnreadableInput` for any other format, with its name
    where it is known.

    >>> sniff(bytes(128) + b"DICM")
    'dicom'
    """
    if not head:
        raise UnreadableInput("The file is empty.")
    if head[128:132] == b"DICM":
        return "dicom"
    if head.startswith(b"\x89PNG\r\n\x1a\n"):
        return "png"
    if head.startswith(b"\xff\xd8\xff"):
        return "jpeg"
    if head.startswith((b"II*\0", b"MM\0*")):
        return "tiff"
    if head[:4] == b"RIFF" and head[8:12] == b"WEBP":
        return "webp"
    if head.startswith((b"PK\x03\x04", b"PK\x05\x06")):
        return "zip"
    if head.startswith(b"NRRD000"):
        return "nrrd"
    if is_metaimage(head):
        return "metaimage"
    if head.startswith(_GZIP_MAGIC):
        content = _gunzipped_head(head)
        # A long file name or comment may fill the head; the NIfTI reader then checks what follows.
        is_cut = len(head) >= HEAD_BYTES and len(content) < NIFTI_HEAD_BYTES
        if is_nifti(content) or is_cut:
            return "nifti-gz"
        raise UnreadableInput(_gzip_refusal(content))
    if is_nifti(head):
        return "nifti"
    if _is_bare_dicom(head):
        return "dicom"
    raise UnreadableInput(_refusal(head))


def is_dicom(head: bytes) -> bool:
    """Whether `sniff` recognises the first bytes of a file as DICOM.

    >>> is_dicom(b"text"), is_dicom(bytes(128) + b"DICM")
    (False, True)
    """
    return kind_of(head) == "dicom"


def kind_of(head: bytes) -> str | None:
    """What `sniff` returns, and None where it raises."""
    try:
        return sniff(head)
    except UnreadableInput:
        return None


def describe(head: bytes) -> str:
    """What a file is, as a singular noun without an article; for formats that liverseg does not read too.

    >>> describe(b"PK\\3\\4"), describe(b"NRRD0004"), describe(b"")
    ('zip archive', 'NRRD file', 'empty file')
    """
    if not head:
        return "empty file"
    try:
        return _NOUNS[sniff(head)]
    except UnreadableInput:
        if _is_nifti_half(head):
            return "half of an Analyze or NIfTI pair"
        name = name_of_other_format(head)
        if name is not None:
            return name.partition(" ")[2]
        return (
            "gzip file" if head.startswith(b"\x1f\x8b") else "text file" if _is_text(head) else "unknown file"
        )


_NOUNS = {
    "png": "PNG picture",
    "jpeg": "JPEG picture",
    "tiff": "TIFF picture",
    "webp": "WebP picture",
    "nifti": "NIfTI image",
    "nifti-gz": "NIfTI image",
    "nrrd": "NRRD file",
    "metaimage": "MetaImage file",
    "dicom": "DICOM file",
    "zip": "zip archive",
}


def _refusal(head: bytes) -> str:
    """The sentence that says why a file of another format is refused."""
    if _is_nifti_half(head):
        return "This is half of an Analyze or NIfTI pair (.hdr and .img); save it as one .nii file."
    name = name_of_other_format(head)
    if name is not None:
        return f"This is {name}; {_SUPPORTED}."
    if _is_text(head):
        return f"The file holds text, not an image; {_SUPPORTED}."
    return f"The format of the file is unknown; {_SUPPORTED}."


def _gzip_refusal(content: bytes) -> str:
    """The sentence that says why a gzip file is refused; `content` is its beginning, unpacked."""
    if content[128:132] == b"DICM":
        return "This is a DICOM file compressed with gzip; unpack it first."
    if _is_nifti_half(content):
        return _refusal(content)
    name = name_of_other_format(content)
    if name is not None:
        return f"This is {name} compressed with gzip; {_SUPPORTED}."
    return NO_NIFTI_IN_GZIP


def _is_text(head: bytes) -> bool:
    return not any(byte < 9 or 13 < byte < 32 for byte in head)


def _is_nifti_half(head: bytes) -> bool:
    """Whether it is the header of an Analyze image, or of a NIfTI-1 or NIfTI-2 image in two files."""
    is_first = head[344:348] == b"ni1\0" or head[:4] in _NIFTI_1_SIZES
    return is_first or (head[:4] in _NIFTI_2_SIZES and head[4:8] != b"n+2\0")


def is_nifti(head: bytes) -> bool:
    """Whether a file starts with a NIfTI-1 or NIfTI-2 header of the single-file kind, in any byte order.

    >>> is_nifti(b"text")
    False
    """
    if len(head) >= 348 and head[:4] in _NIFTI_1_SIZES:
        return head[344:348] == b"n+1\0"
    return head[:4] in _NIFTI_2_SIZES and head[4:8] == b"n+2\0"


def _gunzipped_head(head: bytes) -> bytes:
    """The first `NIFTI_HEAD_BYTES` of the content of a gzip file, which may have several members.

    Fewer if `head` ends before.
    """
    content = b""
    try:
        while head.startswith(_GZIP_MAGIC) and len(content) < NIFTI_HEAD_BYTES:
            member = zlib.decompressobj(wbits=31)
            content += member.decompress(head, NIFTI_HEAD_BYTES - len(content))
            head = member.unused_data.lstrip(b"\0")
    except zlib.error as error:
        raise UnreadableInput("The gzip file is damaged.") from error
    return content


def _is_bare_dicom(head: bytes) -> bool:
    """Whether it is DICOM without a preamble: it starts with a plausible element of group 2 or 8."""
    if len(head) < 16 or head[:2] not in (b"\x02\0", b"\x08\0") or head[3] != 0:
        return False
    return head[4:6] in _FIRST_VRS or (head[6:8] == b"\0\0" and int.from_bytes(head[4:6], "little") <= 256)
