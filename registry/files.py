"""Atomic writes, and temporary folders that the next run removes if their process was killed."""

from __future__ import annotations

import os
import re
import secrets
import shutil
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path


@contextmanager
def atomic_path(path: Path) -> Iterator[Path]:
    """A hidden path beside `path` to write to; it replaces `path` when the context ends without an error.

    The folder is created where it is missing. Readers and other writers see the old file or the whole new
    one. Raises OSError where the folder cannot be written to.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    partial = path.with_name(f".{path.name}-{secrets.token_hex(6)}")
    try:
        yield partial
        os.replace(partial, path)
    finally:
        if os.path.lexists(partial):  # a full disk may never have created it
            partial.unlink()


def write_atomically(path: Path, data: bytes, mode: int | None = None, durable: bool = False) -> None:
    """Write a file through `atomic_path`, with permissions `mode`; `durable` flushes it to the disk first."""
    with atomic_path(path) as partial:
        partial.write_bytes(data)
        if durable:
            with partial.open("rb+") as stream:
                os.fsync(stream.fileno())
        if mode is not None:
            partial.chmod(mode)


try:
    import fcntl
except ImportError:  # Windows: what a killed process leaves stays
    fcntl = None  # type: ignore[assignment]

_YOUNG_S = 2.0  # its process may not have claimed it yet


@contextmanager
def temporary_folder(parent: Path, prefix: str, mode: int = 0o777) -> Iterator[Path]:
    """A new hidden folder in `parent`, `prefix` and 12 random hex digits; it is gone afterwards.

    Folders of such a name whose process is gone are removed first: a living one holds a lock on its own.
    Raises OSError where the parent cannot be written to.
    """
    remove_abandoned(parent, prefix)
    folder = parent / f"{prefix}{secrets.token_hex(6)}"
    folder.mkdir(mode=mode)
    claim = _claim(folder)
    try:
        yield folder
    finally:
        shutil.rmtree(folder, ignore_errors=True)
        if claim is not None:
            os.close(claim)


def remove_abandoned(parent: Path, prefix: str) -> None:
    """Remove the folders of `temporary_folder` in a parent that no process works in any more."""
    if fcntl is None:
        return
    name = re.compile(re.escape(prefix) + "[0-9a-f]{12}")
    try:
        found = [Path(entry.path) for entry in os.scandir(parent) if name.fullmatch(entry.name)]
    except OSError:
        return
    for folder in found:
        try:
            is_old = time.time() - folder.lstat().st_ctime > _YOUNG_S
        except OSError:
            continue
        claim = _claim(folder) if is_old and not folder.is_symlink() else None
        if claim is not None:
            shutil.rmtree(folder, ignore_errors=True)
            os.close(claim)


def _claim(folder: Path) -> int | None:
    """A lock on a folder that ends with the process; None where another process has it."""
    if fcntl is None:
        return None
    try:
        handle = os.open(folder, os.O_RDONLY)
    except OSError:
        return None
    try:
        fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        os.close(handle)
        return None
    return handle
