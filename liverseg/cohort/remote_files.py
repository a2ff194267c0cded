"""Files at any fsspec address: listed with a stamp that changes when they do, opened, fetched."""

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
from liverseg.io.dicom.sources import files_below
from registry.hub.client import endpoint, token_in_use

_STAMPS = ("ETag", "etag", "blob_id", "oid", "md5Hash", "mtime", "LastModified", "last_modified", "created")
BLOCK_BYTES = 128 * 1024
"""What is read at once of a remote file while only its header is wanted."""


class Unavailable(LiversegError):
    """A place does not answer, or refuses; another try may work."""


@dataclass(frozen=True)
class File:
    """One file of a source."""

    address: str  # a local path, or protocol://path
    size: int  # bytes
    stamp: str  # changes with the content, as far as its place tells


def is_remote(address: str) -> bool:
    """Whether an address has a protocol other than that of this machine's files.

    >>> is_remote("s3://bucket/scan.nii.gz"), is_remote("/data/scan.nii.gz"), is_remote("file:///data")
    (True, False, False)
    """
    return "://" in address and not address.startswith(("file://", "local://"))


def local_path(address: str) -> Path:
    """The path of an address of this machine."""
    return Path(address.split("://", 1)[1] if "://" in address else address)


def filesystem(address: str) -> tuple[Any, str]:
    """The fsspec file system of a remote address and the path in it; raises `Unavailable`."""
    protocol, rest = address.split("://", 1)
    try:
        if protocol in ("s3", "s3a") and importlib.util.find_spec("s3fs") is None:
            return _arrow_s3(), rest
        options = _of_the_hub() if protocol == "hf" else {}
        made, path = fsspec.url_to_fs(address, **options)
    except ImportError as error:
        raise Unavailable(f"Addresses of {protocol}:// need a package: {error}.") from error
    except ValueError as error:
        raise Unavailable(f"There is no file system for addresses of {protocol}://.") from error
    return made, path


def _of_the_hub() -> dict[str, Any]:
    """No listing from before a change, and the Hub and token that the environment names now."""
    return {"skip_instance_cache": True, "endpoint": endpoint(), "token": token_in_use() or False}


@lru_cache(maxsize=1)
def _arrow_s3() -> Any:
    """S3 as pyarrow speaks it, which is there for Parquet anyway; set up by the variables AWS_…"""
    from fsspec.implementations.arrow import ArrowFSWrapper
    from pyarrow.fs import S3FileSystem

    options: dict[str, Any] = {}
    endpoint = os.environ.get("AWS_ENDPOINT_URL_S3") or os.environ.get("AWS_ENDPOINT_URL")
    if endpoint:
        scheme, _, host = endpoint.rpartition("://")
        options |= {"endpoint_override": host, "scheme": scheme or "https"}
    if os.environ.get("AWS_ACCESS_KEY_ID") or endpoint:
        # Who has keys is not to wait for a machine of Amazon's to hand some out
        os.environ.setdefault("AWS_EC2_METADATA_DISABLED", "true")
    region = os.environ.get("AWS_REGION") or os.environ.get("AWS_DEFAULT_REGION")
    if region or endpoint:
        options["region"] = region or "us-east-1"
    return ArrowFSWrapper(S3FileSystem(**options, connect_timeout=20, request_timeout=120))


def list_files(address: str, without: Path | None = None) -> list[File]:
    """Every file at an address, which may be one, or below it, in a fixed order.

    Links within a local folder are not followed, and what lies in the folder `without` is left out. Raises
    `UnreadableInput` where there is nothing, `Unavailable` where the place does not answer.
    """
    if not is_remote(address):
        return _local_files(local_path(address), without)
    made, path = filesystem(address)
    protocol = address.split("://", 1)[0]
    try:
        found = _find(made, path)
        if not found and made.isfile(path):
            found = {path: made.info(path)}
    except FileNotFoundError as error:
        raise UnreadableInput("There is no file or folder at the address given.") from error
    except Exception as error:  # every store has errors of its own
        raise Unavailable(f"The address given does not answer ({type(error).__name__}).") from error
    if not found:
        raise UnreadableInput("There is no file or folder at the address given.")
    return [_file(f"{protocol}://{name}", info) for name, info in sorted(found.items())]


def _local_files(path: Path, without: Path | None) -> list[File]:
    if not path.exists():
        raise UnreadableInput("There is no file or folder at the path given.")
    path = path.resolve()
    excluded = None if without is None else without.resolve()
    files = []
    for one in files_below(path) if path.is_dir() else [path]:
        if excluded is not None and excluded in one.parents:
            continue
        told = one.stat()
        files.append(File(str(one), told.st_size, f"{told.st_size}:{told.st_mtime_ns}"))
    return files


def _find(made: Any, path: str) -> dict[str, dict[str, Any]]:
    """Every file below a path, by its name in the file system."""
    from fsspec.implementations.arrow import ArrowFSWrapper

    if not isinstance(made, ArrowFSWrapper):
        return made.find(path, detail=True)
    from pyarrow.fs import FileSelector, FileType

    # One listing of everything, where fsspec would ask for each folder
    below = made.fs.get_file_info(FileSelector(path.rstrip("/"), recursive=True, allow_not_found=True))
    files = (info for info in below if info.type == FileType.File)
    return {info.path: {"size": info.size, "mtime": info.mtime_ns} for info in files}


def _file(address: str, info: dict[str, Any]) -> File:
    size = int(info.get("size") or 0)
    known = next((str(info[name]) for name in _STAMPS if info.get(name) is not None), "")
    return File(address, size, f"{size}:{known}")


@contextmanager
def opened(address: str) -> Iterator[BinaryIO]:
    """A file to read from, of which little is fetched at once. Raises `Unavailable`, `FileNotFoundError`."""
    if not is_remote(address):
        with local_path(address).open("rb") as stream:
            yield stream
        return
    made, path = filesystem(address)
    try:
        stream = made.open(path, "rb", block_size=BLOCK_BYTES)
    except FileNotFoundError:
        raise
    except Exception as error:
        raise Unavailable(f"The file cannot be fetched ({type(error).__name__}).") from error
    with io.BufferedReader(_Raw(stream), BLOCK_BYTES) as buffered:
        yield buffered


class _Raw(io.RawIOBase):
    """A seekable remote file without a buffer of its own, each read of which would be a request."""

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
    """The files as paths of this machine; copies of remote ones are there within the context only.

    Raises `Unavailable` for what cannot be fetched whole and `InputTooLarge` before it is fetched.
    """
    if not any(is_remote(file.address) for file in files):
        yield [local_path(file.address) for file in files]
        return
    if max(file.size for file in files) > limits.MAX_FILE_BYTES:
        raise InputTooLarge("The file is larger than 2 GiB.")
    with TemporaryDirectory(prefix="liverseg-") as folder:
        paths = []
        for number, file in enumerate(files):
            made, path = filesystem(file.address)
            target = Path(folder, f"{number:05d}")
            try:
                made.get_file(path, str(target))
            except Exception as error:
                raise Unavailable(f"The file cannot be fetched ({type(error).__name__}).") from error
            if file.size and target.stat().st_size != file.size:
                raise Unavailable("The file cannot be fetched: it ended early.")
            paths.append(target)
        yield paths
