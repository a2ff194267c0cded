"""The structure of a TorchScript archive, checked before torch opens it.

The digest in the manifest proves that the bytes are the published ones. This check proves that they are
weights and code of the expected kind, also if the publisher is malicious. torch's reader and `zipfile` must
agree on the content of the archive, so everything that they could read differently is refused: data before or
after the archive, names that occur twice or differ only by case, encryption.
"""

from __future__ import annotations

import io
import re
import zipfile
import zlib
from collections.abc import Iterator

from registry.archive.pickles import check_pickle
from registry.archive.torchscript_code import check_code
from registry.errors import ArchiveRefused
from registry.schema import MAX_MANIFEST_BYTES
from registry.text import one_line

MAX_MEMBERS = 20_000
MAX_TEXT_BYTES = 16 * 1024**2
"""Limit for one unpacked code, pickle or extra file."""
MAX_TEXT_TOTAL_BYTES = 128 * 1024**2
"""Limit for all of them together."""
MAX_COMPRESSION_RATIO = 200
"""Code compresses about tenfold, zip bombs a thousandfold."""

EMBEDDED_MANIFEST = "extra/manifest.json"

_TENSORS = re.compile(r"(?:data|constants|traced_inputs)/[0-9]{1,6}", re.ASCII)
_PICKLES = re.compile(r"(?:data|constants|traced_inputs)\.pkl", re.ASCII)
_CODE = re.compile(r"code/__torch__(?:/\w+)*\.py", re.ASCII)
_DEBUG = re.compile(r"code/__torch__(?:/\w+)*\.py\.debug_pkl", re.ASCII)
_SMALL = re.compile(
    r"(?:\.data/)?version|byteorder|\.data/serialization_id|extra/[A-Za-z0-9][A-Za-z0-9._-]*", re.ASCII
)
_NEEDED = ("data.pkl", "constants.pkl")
# torch writes the second for archives with newer operators
_VERSIONS = ("version", ".data/version")


def check_archive(data: bytes) -> bytes | None:
    """Check the bytes of `model.pt`; returns the manifest inside it, or None where there is none.

    Raises `ArchiveRefused` when the archive is damaged, has members that torch never writes, would unpack to
    far more than its size, or when its pickles or code refer to anything beyond tensors and computations.
    Nothing in the archive is run, and tensors are not unpacked.
    """
    try:
        with zipfile.ZipFile(io.BytesIO(data)) as archive:
            _check_container(archive, data)
            members = dict(_members(archive))
            for name in _NEEDED:
                if name not in members:
                    raise ArchiveRefused(f"The archive model.pt has no {name}, so it is not TorchScript.")
            if not any(name in members for name in _VERSIONS):
                raise ArchiveRefused("The archive model.pt has no version, so it is not TorchScript.")
            _check_sizes(members, len(data))
            for name, info in members.items():
                _check_member(archive, name, info)
            embedded = members.get(EMBEDDED_MANIFEST)
            if embedded is None:
                return None
            if embedded.file_size > MAX_MANIFEST_BYTES:
                raise ArchiveRefused("The manifest inside model.pt is too large.")
            return archive.read(embedded)
    except (zipfile.BadZipFile, zlib.error, EOFError, NotImplementedError, UnicodeDecodeError, ValueError):
        raise ArchiveRefused("The archive model.pt is damaged or is not TorchScript.") from None


def _check_container(archive: zipfile.ZipFile, data: bytes) -> None:
    infos = archive.infolist()
    if not infos or len(infos) > MAX_MEMBERS:
        raise ArchiveRefused(f"The archive model.pt has {len(infos)} members, not 1 to {MAX_MEMBERS}.")
    # The end record must be the last 22 bytes, without a comment, and the first member must start at offset
    # 0: `zipfile` shifts the offsets when there is data before the archive.
    if data[-22:-18] != b"PK\x05\x06" or data[-2:] != b"\0\0" or min(i.header_offset for i in infos) != 0:
        raise ArchiveRefused("The archive model.pt has data before or after it.")


def _members(archive: zipfile.ZipFile) -> Iterator[tuple[str, zipfile.ZipInfo]]:
    """Each member with its name inside the top folder, of which there must be one."""
    seen: set[str] = set()
    tops: set[str] = set()
    for info in archive.infolist():
        raw = info.orig_filename
        top, slash, name = raw.partition("/")
        parts = raw.split("/")
        if raw != info.filename or "\\" in raw or not slash or any(p in ("", ".", "..") for p in parts):
            raise ArchiveRefused("A member of the archive model.pt has an unsafe name.")
        if raw.lower() in seen:  # torch ignores the case of names
            raise ArchiveRefused("Two members of the archive model.pt have the same name.")
        seen.add(raw.lower())
        tops.add(top)
        if not any(p.fullmatch(name) for p in (_TENSORS, _PICKLES, _CODE, _DEBUG, _SMALL)):
            raise ArchiveRefused(f"TorchScript never writes the member {one_line(name, 60)} of model.pt.")
        if info.flag_bits & 0x1 or info.compress_type not in (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED):
            raise ArchiveRefused(
                "A member of the archive model.pt is encrypted or has an unusual compression."
            )
        yield name, info
    if len(tops) != 1:
        raise ArchiveRefused("The archive model.pt has more than one top folder.")


def _check_sizes(members: dict[str, zipfile.ZipInfo], archive_bytes: int) -> None:
    if sum(info.compress_size for info in members.values()) > archive_bytes:
        raise ArchiveRefused("Members of the archive model.pt overlap.")
    total = 0
    for name, info in members.items():
        if _TENSORS.fullmatch(name):
            if info.compress_type != zipfile.ZIP_STORED or info.file_size != info.compress_size:
                raise ArchiveRefused("A tensor in the archive model.pt is compressed.")
            continue
        total += info.file_size
        bomb = info.file_size > MAX_COMPRESSION_RATIO * max(info.compress_size, 1)
        if info.file_size > MAX_TEXT_BYTES or total > MAX_TEXT_TOTAL_BYTES or bomb:
            raise ArchiveRefused("A member of the archive model.pt would unpack to far more than it should.")


def _check_member(archive: zipfile.ZipFile, name: str, info: zipfile.ZipInfo) -> None:
    if _PICKLES.fullmatch(name) or _DEBUG.fullmatch(name):
        check_pickle(archive.read(info), name)
    elif _CODE.fullmatch(name):
        check_code(archive.read(info))
    elif name == "byteorder" and archive.read(info) != b"little":
        raise ArchiveRefused("The archive model.pt is not little-endian.")
    elif name in _VERSIONS and not archive.read(info).strip().isdigit():
        raise ArchiveRefused("The archive model.pt has no version number.")
