"""Open a NIfTI, NRRD or MetaImage file, with the data file that its header may name, and read it."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, replace
from typing import BinaryIO

import numpy as np

from liverseg.core.image import CTImage, NativeGrid
from liverseg.core.window import Window
from liverseg.errors import UnreadableInput
from liverseg.io.fast_gzip import GzipReader
from liverseg.io.volume.image import read_image, unpacking
from liverseg.io.volume.packed import Bzip2Reader, ZlibReader
from liverseg.io.volume.text_header import TextHeader
from liverseg.io.volume.voxels import ByteSource, VolumeHeader, native_grid, read_exactly, truncated

_HASH_CHUNK_BYTES = 1024**2
_PIECE_BYTES = 1024**2
_GZIP_MAGIC = b"\x1f\x8b"


@dataclass(frozen=True)
class OneFile:
    """A file of an input that can be opened several times."""

    open: Callable[[], tuple[BinaryIO, int]]  # the stream, which the caller closes, and its size in bytes


FindBeside = Callable[[str], OneFile]
"""The file with a bare name beside a header. Raises UnreadableInput where there is none."""


@dataclass(frozen=True)
class OpenVolume:
    """A checked header and the stream of its image."""

    header: VolumeHeader
    stream: ByteSource  # its next byte is the first voxel
    bytes_left: int | None  # in `stream`; None where it is unpacked while it is read
    files: tuple[OneFile, ...]  # the file, and its data file where it has one


def open_volume(
    kind: str, file: OneFile, find: FindBeside, stack: ExitStack, is_mask: bool = False
) -> OpenVolume:
    """A volume file of the format `kind` of `sniff.VOLUME_KINDS`, open as long as `stack`.

    With `is_mask` it may be a mask: a segmentation of 3D Slicer, with the names of its labels. Raises the
    errors of its header, and UnreadableInput where its data file is missing or too short.
    """
    stream, size = file.open()
    stack.enter_context(stream)
    if kind in ("nifti", "nifti-gz"):
        return _open_nifti(stream, size, kind == "nifti-gz", file, is_mask)
    if kind == "nrrd":
        from liverseg.io.nrrd.header import read_nrrd_header

        header = read_nrrd_header(stream, is_mask)
    else:
        from liverseg.io.metaimage.header import read_metaimage_header

        header = read_metaimage_header(stream)
    files: tuple[OneFile, ...] = (file,)
    start = stream.tell()
    if header.data_name is not None:
        data_file = find(header.data_name)
        files, start = (file, data_file), 0
        stream, size = data_file.open()
        stack.enter_context(stream)
    return _positioned(header, stream, size, start, files, is_mask)


def read_volume(kind: str, file: OneFile, find: FindBeside, window: Window) -> CTImage:
    """A volume file as a CTImage with the sha256 of its file.

    Raises as `open_volume` and `volume.image.read_image` do.
    """
    with ExitStack() as stack:
        volume = open_volume(kind, file, find, stack)
        image = read_image(volume.stream, volume.header, volume.bytes_left, window)
    return replace(image, sha256=sha256_of(volume.files))


def grid_of(kind: str, file: OneFile, find: FindBeside) -> NativeGrid:
    """The grid in the header of a volume file. Raises as `open_volume` and `voxels.native_grid` do."""
    with ExitStack() as stack:
        return native_grid(open_volume(kind, file, find, stack).header)


def data_name_in(kind: str, stream: BinaryIO) -> str | None:
    """The name of the data file in a header; None where the image follows the header.

    Raises the errors of the header.
    """
    if kind == "nrrd":
        from liverseg.io.nrrd.header import read_nrrd_header

        return read_nrrd_header(stream).data_name
    if kind == "metaimage":
        from liverseg.io.metaimage.header import read_metaimage_header

        return read_metaimage_header(stream).data_name
    return None


def no_data_file(name: str) -> OneFile:
    """The `FindBeside` of a file that lies alone: raises UnreadableInput."""
    raise UnreadableInput(
        "The header keeps its image in another file, which is not there; give both, in one folder or zip."
    )


def _open_nifti(stream: BinaryIO, size: int, is_gzip: bool, file: OneFile, is_mask: bool) -> OpenVolume:
    from liverseg.io.nifti.read import read_header

    source: ByteSource = GzipReader(stream, is_mask) if is_gzip else stream
    with unpacking("NIfTI"):
        header = read_header(source, is_mask)
    return OpenVolume(header, source, None if is_gzip else size - stream.tell(), (file,))


def _positioned(
    text: TextHeader, stream: BinaryIO, size: int, start: int, files: tuple[OneFile, ...], is_mask: bool
) -> OpenVolume:
    """The image at its first voxel; `start` is where the image or what it skips begins in `stream`."""
    header, skip = text.volume, text.skipped_bytes
    title = header.title
    if skip < 0:
        needed = int(np.prod(header.shape, dtype=object)) * header.layers * header.dtype.itemsize
        skip = size - needed - start
        if skip < 0:
            raise UnreadableInput(truncated(title))
    if text.packing == "raw":
        stream.seek(start + skip)
        return OpenVolume(header, stream, size - start - skip, files)
    if not text.skips_packed:
        stream.seek(start + skip)
    with unpacking(title):
        source = _unpacked(text.packing, stream, is_mask)
        left = skip if text.skips_packed else 0
        while left > 0:
            left -= len(read_exactly(source, min(left, _PIECE_BYTES), title))
    return OpenVolume(header, source, None, files)


def _unpacked(packing: str, stream: BinaryIO, is_mask: bool) -> ByteSource:
    if packing == "bzip2":
        return Bzip2Reader(stream, is_mask)
    if packing == "gzip":
        return GzipReader(stream, is_mask)
    position = stream.tell()
    is_gzip = stream.read(2) == _GZIP_MAGIC  # MetaIO reads gzip too where zlib is declared
    stream.seek(position)
    return GzipReader(stream, is_mask) if is_gzip else ZlibReader(stream, is_mask)


def sha256_of(files: Sequence[OneFile]) -> str:
    """The sha256 of a file; that of a header and its data file is that of their sorted sha256 digests."""
    digests = sorted(map(_sha256, files))
    return digests[0] if len(digests) == 1 else hashlib.sha256("".join(digests).encode()).hexdigest()


def _sha256(file: OneFile) -> str:
    digest = hashlib.sha256()
    stream, _ = file.open()
    with stream:
        while chunk := stream.read(_HASH_CHUNK_BYTES):
            digest.update(chunk)
    return digest.hexdigest()
