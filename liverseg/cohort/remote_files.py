"""Files at local paths and fsspec addresses: list them, open them for their headers, fetch them whole."""

from __future__ import annotations

import importlib.util
import io
import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, BinaryIO

import fsspec

from liverseg.core import limits
from liverseg.errors import InputTooLarge, LiversegError, UnreadableInput
from liverseg.io.folder import Entry, entries_below, entry_beside
from registry.hub.client import endpoint, token_in_use

_STAMP_FIELDS = (
    "ETag", "etag", "blob_id", "oid", "md5Hash", "mtime", "LastModified", "last_modified", "created"
)  # fmt: skip
"""Fields of fsspec's file information that change with the content; the first that is present is used."""

REMOTE_BLOCK_BYTES = 128 * 1024
"""Size of one request to a remote file of which only the header is read."""

_NOTHING_THERE = "There is no file or folder at the address given."


class Unavailable(LiversegError):
    """A store does not answer or refuses access. A later run may succeed."""


@dataclass(frozen=True)
class File:
    """One file of a source."""

    address: str  # a local path, or protocol://path
    size: int  # bytes
    stamp: str  # changes with the content, as far as the file system reports it
    skipped: str = ""  # why it is not read, such as a link that leads out of its folder; "" if it is


def is_remote(address: str) -> bool:
    """Whether an address has a protocol other than that of local files.

    >>> is_remote("s3://bucket/scan.nii.gz"), is_remote("/data/scan.nii.gz"), is_remote("file:///data")
    (True, False, False)
    """
    return "://" in address and not address.startswith(("file://", "local://"))


def local_path(address: str) -> Path:
    """The path of a local address, with or without its protocol."""
    return Path(address.split("://", 1)[1] if "://" in address else address)


def filesystem(address: str) -> tuple[Any, str]:
    """The fsspec file system of a remote address and the path in it. Raises `Unavailable`."""
    protocol, rest = address.split("://", 1)
    try:
        if protocol in ("s3", "s3a") and importlib.util.find_spec("s3fs") is None:
            return _arrow_s3(), rest
        options = _hub_options() if protocol == "hf" else {}
        fs, path = fsspec.url_to_fs(address, **options)
    except ImportError as error:
        raise Unavailable(f"Reading {protocol}:// addresses needs another package: {error}.") from error
    except ValueError as error:
        raise Unavailable(f"There is no file system for {protocol}:// addresses.") from error
    return fs, path


def _hub_options() -> dict[str, Any]:
    """Options of the Hub's file system: no cached listings, and the current endpoint and token."""
    return {"skip_instance_cache": True, "endpoint": endpoint(), "token": token_in_use() or False}


@lru_cache(maxsize=1)
def _arrow_s3() -> Any:
    """pyarrow's S3 file system, set up by the AWS_… variables. pyarrow is installed for Parquet anyway."""
    from fsspec.implementations.arrow import ArrowFSWrapper
    from pyarrow.fs import S3FileSystem

    options: dict[str, Any] = {}
    endpoint_url = os.environ.get("AWS_ENDPOINT_URL_S3") or os.environ.get("AWS_ENDPOINT_URL")
    if endpoint_url:
        scheme, _, host = endpoint_url.rpartition("://")
        options |= {"endpoint_override": host, "scheme": scheme or "https"}
    if os.environ.get("AWS_ACCESS_KEY_ID") or endpoint_url:
        # With keys or an endpoint given, do not wait for Amazon's metadata service to offer credentials.
        os.environ.setdefault("AWS_EC2_METADATA_DISABLED", "true")
    region = os.environ.get("AWS_REGION") or os.environ.get("AWS_DEFAULT_REGION")
    if region or endpoint_url:
        options["region"] = region or "us-east-1"
    return ArrowFSWrapper(S3FileSystem(**options, connect_timeout=20, request_timeout=120))


def list_files(address: str, without: Path | None = None) -> list[File]:
    """The file at an address, or every file below it, in a fixed order.

    Links in a local folder are followed inside the tree they lie in (`liverseg.io.folder`); others are
    listed with `File.skipped`. Files in the local folder `without` are left out. Raises `UnreadableInput`
    where nothing exists, `Unavailable` where the store does not answer.
    """
    if not is_remote(address):
        return _local_files(local_path(address), without)
    fs, path = filesystem(address)
    protocol = address.split("://", 1)[0]
    try:
        infos = _files_below(fs, path)
        if not infos and fs.isfile(path):
            infos = {path: fs.info(path)}
    except FileNotFoundError as error:
        raise UnreadableInput(_NOTHING_THERE) from error
    except Exception as error:  # every store raises errors of its own
        raise Unavailable(f"The address given does not answer ({type(error).__name__}).") from error
    if not infos:
        raise UnreadableInput(_NOTHING_THERE)
    return [_remote_file(f"{protocol}://{name}", info) for name, info in sorted(infos.items())]


def _local_files(path: Path, without: Path | None) -> list[File]:
    if not path.exists():
        raise UnreadableInput("There is no file or folder at the path given.")
    path = path.resolve()
    excluded = None if without is None else without.resolve()
    files = []
    for entry in entries_below(path) if path.is_dir() else [Entry(path)]:
        if excluded is None or excluded not in entry.path.parents:
            files.append(_local_file(entry))
    return files


def file_beside(file: File, name: str) -> File | None:
    """The file `name` in the folder of another one; None where there is none or a link is not followed."""
    if not is_remote(file.address):
        entry = entry_beside(local_path(file.address), name)
        return None if entry is None or entry.skipped else _local_file(entry)
    try:
        found = list_files(f"{file.address.rpartition('/')[0]}/{name}")
    except UnreadableInput:
        return None
    return found[0] if len(found) == 1 else None


def _local_file(entry: Entry) -> File:
    try:
        status = entry.path.lstat() if entry.skipped else entry.path.stat()
    except OSError:  # it was removed meanwhile
        return File(str(entry.path), 0, "", entry.skipped)
    size = 0 if entry.skipped else status.st_size
    return File(str(entry.path), size, f"{size}:{status.st_mtime_ns}", entry.skipped)


def _files_below(fs: Any, path: str) -> dict[str, dict[str, Any]]:
    """fsspec's information on every file below a path, by the file's path."""
    from fsspec.implementations.arrow import ArrowFSWrapper

    if not isinstance(fs, ArrowFSWrapper):
        return fs.find(path, detail=True)
    from pyarrow.fs import FileSelector, FileType

    # One recursive listing. fsspec would list each folder with a request of its own.
    entries = fs.fs.get_file_info(FileSelector(path.rstrip("/"), recursive=True, allow_not_found=True))
    files = (entry for entry in entries if entry.type == FileType.File)
    return {entry.path: {"size": entry.size, "mtime": entry.mtime_ns} for entry in files}


def _remote_file(address: str, info: dict[str, Any]) -> File:
    size = int(info.get("size") or 0)
    version = next((str(info[name]) for name in _STAMP_FIELDS if info.get(name) is not None), "")
    return File(address, size, f"{size}:{version}")


@contextmanager
def open_file(address: str) -> Iterator[BinaryIO]:
    """A seekable stream of a file; a remote file is requested in blocks of `REMOTE_BLOCK_BYTES`.

    Raises `Unavailable` or `FileNotFoundError`.
    """
    if not is_remote(address):
        with local_path(address).open("rb") as stream:
            yield stream
        return
    fs, path = filesystem(address)
    try:
        stream = fs.open(path, "rb", block_size=REMOTE_BLOCK_BYTES)
    except FileNotFoundError:
        raise
    except Exception as error:
        raise Unavailable(f"The file cannot be fetched ({type(error).__name__}).") from error
    with io.BufferedReader(_RawRemoteFile(stream), REMOTE_BLOCK_BYTES) as buffered:
        yield buffered


class _RawRemoteFile(io.RawIOBase):
    """A seekable remote file as a raw stream: every read is a request, so it is wrapped in a buffer."""

    name = ""  # pydicom asks a buffered stream for it

    def __init__(self, stream: Any) -> None:
        self._stream = stream

    def readable(self) -> bool:
        return True

    def seekable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int:
        data = self._stream.read(len(buffer))
        buffer[: len(data)] = data
        return len(data)

    def seek(self, offset: int, whence: int = 0) -> int:
        self._stream.seek(offset, whence)
        return self._stream.tell()

    def tell(self) -> int:
        return self._stream.tell()

    def close(self) -> None:
        if not self.closed:
            self._stream.close()
        super().close()


@contextmanager
def fetched(files: tuple[File, ...]) -> Iterator[list[Path]]:
    """Local paths of the files. Remote files are copied, and the copies are removed with the context.

    Raises `InputTooLarge` before a file that is too large is fetched, and `Unavailable` for a file that
    cannot be fetched completely.
    """
    if not any(is_remote(file.address) for file in files):
        yield [local_path(file.address) for file in files]
        return
    if max(file.size for file in files) > limits.MAX_FILE_BYTES:
        raise InputTooLarge("The file is larger than 2 GiB.")
    with TemporaryDirectory(prefix="liverseg-") as folder:
        paths = []
        for number, file in enumerate(files):
            fs, path = filesystem(file.address)
            target = Path(folder, f"{number:05d}")
            try:
                fs.get_file(path, str(target))
            except Exception as error:
                raise Unavailable(f"The file cannot be fetched ({type(error).__name__}).") from error
            if file.size and target.stat().st_size != file.size:
                raise Unavailable("The file cannot be fetched: it ended early.")
            paths.append(target)
        yield paths
