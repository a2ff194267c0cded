"""The files of a result, format by format: what could be written, and the reason where nothing could.

`liverseg.io.write` writes a folder and refuses what is impossible. This module is for callers that offer
every format: the page and the endpoints.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, replace
from pathlib import Path

from liverseg.core.limits import MAX_UPLOAD_GB
from liverseg.errors import LiversegError
from liverseg.io.encoders import ENCODERS, Results
from liverseg.io.formats import TITLES, reason_against

MAX_RESULT_BYTES = MAX_UPLOAD_GB << 30
"""Limit of all files of one result together."""

TOO_LARGE = f"the files of this result are larger than {MAX_UPLOAD_GB} GB together"

Store = Callable[[str, bytes], Path]
"""Stores a file of a name and a content; returns its path."""


@dataclass(frozen=True)
class StoredFile:
    """A file of a result."""

    path: Path
    size: int  # bytes

    @property
    def name(self) -> str:
        """The name without the folder."""
        return self.path.name


@dataclass(frozen=True)
class StoredFormat:
    """The files of one format, or the reason why there are none."""

    format: str
    files: tuple[StoredFile, ...] = ()
    reason: str = ""  # one sentence; "" where there are files


def store_formats(
    results: Results, formats: Iterable[str], store: Store, most_bytes: int = MAX_RESULT_BYTES
) -> list[StoredFormat]:
    """Store the files of the given formats of `FORMATS`, in the order of `TITLES`.

    A format that is impossible, that fails, or with which all files are larger than `most_bytes` has a reason
    instead of files; the others are stored. The bytes are those that `write_results` writes.
    """
    wanted, used = set(formats), 0
    stored = []
    for name in (name for name in TITLES if name in wanted):
        kept = _stored_format(results, name, store, most_bytes - used)
        if name == "seg" and kept.files:
            results = replace(results, with_seg=True)
        used += sum(file.size for file in kept.files)
        stored.append(kept)
    return stored


def _stored_format(results: Results, name: str, store: Store, most_bytes: int) -> StoredFormat:
    reason = reason_against(results.ct, name, results.slice_index)
    if reason is not None:
        return StoredFormat(name, reason=reason)
    files: list[StoredFile] = []
    try:
        for file_name, content in _encoded(results, name):
            most_bytes -= len(content)
            if most_bytes < 0:
                for file in files:
                    file.path.unlink(missing_ok=True)
                return StoredFormat(name, reason=f"{TITLES[name]}: {TOO_LARGE}.")
            files.append(StoredFile(store(file_name, content), len(content)))
    except LiversegError as error:
        return StoredFormat(name, reason=str(error))
    return StoredFormat(name, tuple(files))


def _encoded(results: Results, name: str) -> Iterator[tuple[str, bytes]]:
    """The names and contents of the files of a format."""
    if name == "json":
        yield "report.json", results.report.to_json().encode()
    else:
        yield from ENCODERS[name](results)
