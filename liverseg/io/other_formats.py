"""Names file formats by their first bytes: those that liverseg does not read, or not compressed with gzip."""

from __future__ import annotations

import re

_AT_START = (
    (b"GIF8", "a GIF picture"),
    (b"BM", "a BMP picture"),
    (b"II*\0", "a TIFF picture"),
    (b"MM\0*", "a TIFF picture"),
    (b"II+\0", "a BigTIFF picture"),
    (b"MM\0+", "a BigTIFF picture"),
    (b"\0\0\0\x0cjP  ", "a JPEG 2000 picture"),
    (b"\xff\x4f\xff\x51", "a JPEG 2000 picture"),
    (b"\0\0\0\x0cJXL ", "a JPEG XL picture"),
    (b"\xff\x0a", "a JPEG XL picture"),
    (b"%PDF", "a PDF document"),
    (b"NRRD", "an NRRD file"),
    (b"\x89HDF", "an HDF5 file"),
    (b"CDF\x01", "a NetCDF file"),
    (b"CDF\x02", "a NetCDF file"),
    (b"# vtk DataFile", "a VTK file"),
    (b"MATLAB 5.0", "a MATLAB file"),
    (b"\x93NUMPY", "a NumPy array"),
    (b"Rar!", "a RAR archive"),
    (b"7z\xbc\xaf", "a 7-Zip archive"),
    (b"BZh", "a bzip2 file"),
    (b"\xfd7zXZ\0", "an xz file"),
    (b"\x28\xb5\x2f\xfd", "a Zstandard file"),
    (b"\x04\x22\x4d\x18", "an LZ4 file"),
    (b"version https://git-lfs", "a Git LFS pointer"),
    (b"/annex/objects/", "a git-annex pointer"),
    (b"\x1f\x9d", "a .Z file"),
)
_BRANDS = {  # the codes of a file type box (ISO/IEC 14496-12) that name pictures
    **dict.fromkeys((b"avif", b"avis"), "an AVIF picture"),
    **dict.fromkeys((b"heic", b"heix", b"hevc", b"hevx", b"heim", b"heis"), "a HEIC picture"),
}
_GENERAL_PICTURE_BRANDS = (b"mif1", b"msf1", b"mif2")
_META_IMAGE_KEY = re.compile(rb"\s*[A-Z]\w*\s*=")  # of the first line
_META_IMAGE_KEYS = (b"DimSize", b"ElementType", b"ElementDataFile")
_TAR_HEADER_BYTES = 512
_TAR_CHECKSUM = slice(148, 156)


def name_of_other_format(head: bytes) -> str | None:
    """The format with its article, from the first bytes of a file; None if it is not known.

    >>> name_of_other_format(b"NRRD0004"), name_of_other_format(bytes(4) + b"ftypavif")
    ('an NRRD file', 'an AVIF picture')
    """
    for magic, name in _AT_START:
        if head.startswith(magic):
            return name
    if head[:4] == b"RIFF" and head[8:12] == b"WEBP":
        return "a WebP picture"
    if head[4:8] == b"ftyp":
        return _name_by_brands(head)
    if is_metaimage(head):
        return "a MetaImage file"
    return "a tar archive" if _is_tar(head) else None


def is_metaimage(head: bytes) -> bool:
    """Whether it starts with the header of a MetaImage file, which is text.

    >>> is_metaimage(b"NDims = 3\\nDimSize = 64 64 3\\nElementType = MET_SHORT\\n"), is_metaimage(b"a = b")
    (True, False)
    """
    return bool(_META_IMAGE_KEY.match(head)) and sum(key in head for key in _META_IMAGE_KEYS) >= 2


def _name_by_brands(head: bytes) -> str:
    """A picture or video by the brands of its file type box: the major one, then the compatible ones."""
    size = int.from_bytes(head[:4], "big")
    end = size if 16 <= size <= len(head) else 16
    brands = [head[8:12], *(head[k : k + 4] for k in range(16, end, 4))]
    for brand in brands:
        if brand in _BRANDS:
            return _BRANDS[brand]
    return "a HEIF picture" if any(brand in _GENERAL_PICTURE_BRANDS for brand in brands) else "a video file"


def _is_tar(head: bytes) -> bool:
    """Whether it starts with a tar header: by its magic, or by its checksum in archives that have none."""
    if head[257:262] == b"ustar":
        return True
    header = head[:_TAR_HEADER_BYTES]
    digits = header[_TAR_CHECKSUM].strip(b"\0 ")
    if len(header) < _TAR_HEADER_BYTES or not header[0] or not re.fullmatch(rb"[0-7]{1,7}", digits):
        return False
    blank = header[: _TAR_CHECKSUM.start] + b" " * 8 + header[_TAR_CHECKSUM.stop :]
    return int(digits, 8) == sum(blank)
