"""The files of a folder tree, with the links, folders and devices in it that are not read and why.

A link is followed only to a file of the tree it lies in. Two kinds of trees keep their content beside the
folder that a user gives: a git-annex repository (DataLad) in `.git/annex/objects`, and the cache of the
Hugging Face Hub in `blobs`. A link to any other place is never followed: it may lead to files of others.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

_REPOSITORY = ".git"
"""The folder of a git repository. What is in it is read only through links."""

LEADS_OUT = "It is a link that leads out of its folder; such links are not followed."
LEADS_NOWHERE = "It is a link to a file that is not there; git-annex and DataLad fetch it with `get`."
NOT_OPENED = "The folder cannot be opened: its permissions forbid it."
NO_FILE = "It is neither a file nor a folder."


@dataclass(frozen=True)
class Entry:
    """A file to read, or something else in its place."""

    path: Path
    skipped: str = ""  # why it is not read; "" for a file that is


def entries_below(folder: Path) -> Iterator[Entry]:
    """The files in a folder and its subfolders, and what is not read, in a fixed order.

    A link to a file that the walk meets itself gives no entry, nor does a link to a folder inside. Each file
    of a store is given once, by the first link to it. The inside of `.git` folders is left out.
    """
    root = os.path.realpath(folder)
    stores = list(_stores_of(Path(root)))
    seen: set[str] = set()
    unopened: list[Path] = []
    for parent, folders, names in os.walk(root, onerror=lambda error: unopened.append(Path(error.filename))):
        yield from _unopened(unopened)
        linked = [name for name in folders if os.path.islink(os.path.join(parent, name))]
        folders[:] = sorted(name for name in folders if name != _REPOSITORY and name not in linked)
        if parent != root:
            stores += _annex_of(Path(parent))
        for name in sorted([*names, *linked]):
            entry = _entry(Path(folder, os.path.relpath(parent, root), name), root, stores, seen)
            if entry is not None:
                yield entry
    yield from _unopened(unopened)


def entry_beside(path: Path, name: str) -> Entry | None:
    """The file `name` in the folder of a file, or why it is not read; None where there is nothing.

    Links are followed as in `entries_below` of that folder.
    """
    root = os.path.realpath(path.parent)
    beside = Path(root, name)
    if not os.path.lexists(beside):
        return None
    entry = _entry(beside, root, list(_stores_of(Path(root))), set())
    if entry is not None:
        return entry
    return (
        Entry(beside) if beside.is_file() else Entry(beside, NO_FILE)
    )  # a link to what lies below the folder


def _unopened(folders: list[Path]) -> Iterator[Entry]:
    yield from (Entry(path, NOT_OPENED) for path in folders)
    folders.clear()


def _entry(path: Path, root: str, stores: list[str], seen: set[str]) -> Entry | None:
    """The entry of a name; None for a link to what is listed elsewhere.

    `seen` holds the files of the stores that have an entry.
    """
    if not path.is_symlink():
        return Entry(path) if path.is_file() else Entry(path, NO_FILE)
    target = os.path.realpath(path)
    if any(_is_below(target, store) for store in stores):
        if not os.path.isfile(target):
            return Entry(path, LEADS_NOWHERE)
        if target in seen:
            return None
        seen.add(target)
        return Entry(path)
    if target != root and not _is_below(target, root):
        return Entry(path, LEADS_OUT)
    if not os.path.exists(target):
        return Entry(path, LEADS_NOWHERE)
    inside_repository = _REPOSITORY in Path(os.path.relpath(target, root)).parts
    return Entry(path, LEADS_OUT) if inside_repository else None


def _is_below(path: str, folder: str) -> bool:
    return path.startswith(folder.rstrip(os.sep) + os.sep)


def _stores_of(root: Path) -> Iterator[str]:
    """Folders beside or above `root`, a path without links, that hold the content of links in it."""
    for folder in (root, *root.parents):
        blobs = folder.parent / "blobs"
        if folder.name == "snapshots" and _is_own_folder(blobs):
            yield str(blobs)
        if (folder / _REPOSITORY).is_dir():
            yield from _annex_of(folder)
            return


def _annex_of(repository: Path) -> Iterator[str]:
    """Where a git-annex repository, a path without links, keeps the content of its files."""
    objects = repository / _REPOSITORY / "annex" / "objects"
    if _is_own_folder(objects):
        yield str(objects)


def _is_own_folder(folder: Path) -> bool:
    """Whether it is a folder that lies where its path says: no part of the path is a link."""
    return folder.is_dir() and os.path.realpath(folder) == str(folder)
