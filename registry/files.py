"""Files and folders that no crash leaves half written: atomic writes and self-cleaning temporary folders."""

from __future__ import annotations

import os
import re
import secrets
import shutil
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

try:
    import fcntl
except ImportError:  # Windows: folders of killed processes are not removed
    fcntl = None  # type: ignore[assignment]

_YOUNG_S = 2.0
"""Seconds that a new temporary folder is left alone: its process may not have locked it yet."""


@contextmanager
def atomic_path(path: Path, sole_writer: bool = False) -> Iterator[Path]:
    """A hidden path beside `path` to write to; it replaces `path` when the context ends without an error.

    A missing parent folder is created. Readers and other writers see the old file or the whole new one. The
    hidden name is random; with `sole_writer` it is fixed, so that what a killed writer left is overwritten.
    Raises `OSError` where the folder cannot be written to.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    partial = path.with_name(f".{path.name}-{'partial' if sole_writer else secrets.token_hex(6)}")
    try:
        yield partial
        os.replace(partial, path)
    finally:
        if os.path.lexists(partial):  # on a full disk it may never have been created
            partial.unlink()


def write_atomically(path: Path, data: bytes, mode: int | None = None, durable: bool = False) -> None:
    """Write a file through `atomic_path`, with permissions `mode`; `durable` flushes it to the disk first."""
    with atomic_path(path) as partial:
        if durable:
            write_flushed(partial, data)
        else:
            partial.write_bytes(data)
        if mode is not None:
            partial.chmod(mode)


def write_flushed(path: Path, data: bytes) -> None:
    """Write a new file and flush it to the disk; raises `FileExistsError` where there is one."""
    with open(path, "xb") as file:
        file.write(data)
        file.flush()
        os.fsync(file.fileno())


@contextmanager
def temporary_folder(parent: Path, prefix: str, mode: int = 0o777) -> Iterator[Path]:
    """A new folder in `parent`, named `prefix` and 12 random hex digits; it is removed afterwards.

    The process holds a lock on the folder. Folders with this prefix whose process was killed are removed
    first. Raises `OSError` where the parent cannot be written to.
    """
    remove_abandoned(parent, prefix)
    folder = parent / f"{prefix}{secrets.token_hex(6)}"
    folder.mkdir(mode=mode)
    lock = _lock_folder(folder)
    try:
        yield folder
    finally:
        shutil.rmtree(folder, ignore_errors=True)
        if lock is not None:
            os.close(lock)


def remove_abandoned(parent: Path, prefix: str) -> None:
    """Remove the folders of `temporary_folder` in `parent` whose process has ended."""
    if fcntl is None:
        return
    name = re.compile(re.escape(prefix) + "[0-9a-f]{12}")
    try:
        folders = [Path(entry.path) for entry in os.scandir(parent) if name.fullmatch(entry.name)]
    except OSError:
        return
    for folder in folders:
        try:
            is_old = time.time() - folder.lstat().st_ctime > _YOUNG_S
        except OSError:
            continue
        lock = _lock_folder(folder) if is_old and not folder.is_symlink() else None
        if lock is not None:
            shutil.rmtree(folder, ignore_errors=True)
            os.close(lock)


def _lock_folder(folder: Path) -> int | None:
    """A file descriptor that locks a folder until the process ends; None where it is locked already."""
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
