"""Formats that liverseg does not read are named by their content."""

from __future__ import annotations

import bz2
import gzip
import io
import lzma
import tarfile

import pytest
from PIL import Image

from liverseg.errors import UnreadableInput
from liverseg.io.other_formats import name_of_other_format
from liverseg.io.sniff import HEAD_BYTES, describe, sniff


def box(brand: bytes, *compatible: bytes) -> bytes:
    """A file type box of ISO/IEC 14496-12."""
    content = b"ftyp" + brand + bytes(4) + b"".join(compatible)
    return (len(content) + 4).to_bytes(4, "big") + content + bytes(100)


def tar(format: int, content: bytes = b"x" * 600) -> bytes:
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w", format=format) as archive:
        info = tarfile.TarInfo("ct/0001.dcm")
        info.size = len(content)
        archive.addfile(info, io.BytesIO(content))
    return buffer.getvalue()


def old_tar() -> bytes:
    """A tar archive of Unix version 7, which has a checksum and no magic."""
    header = bytearray(tar(tarfile.USTAR_FORMAT)[:512])
    header[257:500] = bytes(243)
    header[148:156] = b" " * 8
    header[148:156] = f"{sum(header):06o}\0 ".encode()
    return bytes(header) + bytes(1024)


FORMATS = {
    "an AVIF picture": box(b"avif", b"mif1", b"miaf"),
    "a HEIC picture": box(b"mif1", b"heic"),
    "a HEIF picture": box(b"mif1", b"miaf"),
    "a video file": box(b"isom", b"mp42"),
    "a BigTIFF picture": b"II+\0\x08\0\0\0" + bytes(100),
    "a JPEG XL picture": b"\0\0\0\x0cJXL \r\n\x87\n" + bytes(50),
    "a JPEG 2000 picture": b"\xff\x4f\xff\x51" + bytes(50),
    "a bzip2 file": bz2.compress(b"scan" * 100),
    "an xz file": lzma.compress(b"scan" * 100),
    "a tar archive": tar(tarfile.USTAR_FORMAT),
    "a NumPy array": b"\x93NUMPY\x01\0" + bytes(100),
    "a VTK file": b"# vtk DataFile Version 3.0\n",
    "a Git LFS pointer": b"version https://git-lfs.github.com/spec/v1\noid sha256:12\nsize 3\n",
    "a git-annex pointer": b"/annex/objects/MD5E-s12--ab.dcm\n",
}


@pytest.mark.parametrize("name", FORMATS)
def test_formats_are_named(name):
    head = FORMATS[name][:HEAD_BYTES]
    assert name_of_other_format(head) == name
    with pytest.raises(UnreadableInput, match=f"^This is {name}; liverseg reads PNG"):
        sniff(head)
    assert describe(head) == name.split(" ", 1)[1]


@pytest.mark.parametrize("content", [tar(tarfile.GNU_FORMAT), tar(tarfile.PAX_FORMAT), old_tar()])
def test_every_kind_of_tar_is_named(content):
    assert name_of_other_format(content[:HEAD_BYTES]) == "a tar archive"
    damaged = bytearray(old_tar())
    damaged[0] ^= 1
    assert name_of_other_format(bytes(damaged)) is None  # the checksum does not agree


def test_a_bigtiff_that_pillow_writes_is_named():
    buffer = io.BytesIO()
    Image.new("L", (80, 80)).save(buffer, "TIFF", big_tiff=True)
    assert name_of_other_format(buffer.getvalue()) == "a BigTIFF picture"


@pytest.mark.parametrize(
    "content, sentence",
    [
        (tar(tarfile.USTAR_FORMAT), "^This is a tar archive compressed with gzip"),
        (bytes(128) + b"DICM" + bytes(900), "^This is a DICOM file compressed with gzip; unpack it"),
        (b"NRRD0004\n", "^This is an NRRD file compressed with gzip"),
        (b"text", "no NIfTI image in it"),
        (b"\x5c\x01\0\0" + bytes(340) + b"ni1\0", "half of an Analyze or NIfTI pair"),
    ],
)
def test_what_is_in_a_gzip_file_is_named(content, sentence):
    with pytest.raises(UnreadableInput, match=sentence):
        sniff(gzip.compress(content)[:HEAD_BYTES])


@pytest.mark.parametrize(
    "head, noun",
    [
        (b"", "empty file"),
        (b"text\n", "text file"),
        (bytes(range(256)), "unknown file"),
        (b"PK\x03\x04", "zip archive"),
        (b"\x1c\x02\0\0ni2\0" + bytes(600), "half of an Analyze or NIfTI pair"),
        (gzip.compress(b"text"), "gzip file"),
        (b"\x89PNG\r\n\x1a\n", "PNG picture"),
    ],
)
def test_every_file_has_a_noun(head, noun):
    assert describe(head) == noun
