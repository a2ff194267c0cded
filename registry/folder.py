"""A registry that is a folder of checkpoint folders.

The layout is `<folder>/<checkpoint>/manifest.json` or `<folder>/<name>/<version>/manifest.json`; a folder
with its own `manifest.json` is a registry of that one checkpoint. Names and versions come from the
manifests, not from the folders. Folders that start with a dot (unfinished writes, caches) are skipped, links
are refused. A damaged checkpoint is reported and does not hide the others.
"""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

from registry.checkpoint import Checkpoint, read_regular_file
from registry.errors import CheckpointDamaged, RegistryError, RegistryUnreadable
from registry.manifest import Manifest
from registry.reference import Reference, version_key
from registry.schema import MAX_MANIFEST_BYTES
from registry.text import one_line

MANIFEST_FILE = "manifest.json"
MAX_FOLDERS = 10_000
"""A registry with more folders is refused, so that `/` as a registry fails fast."""


@dataclass(frozen=True)
class Problem:
    """A checkpoint, or a whole registry, that cannot be used."""

    registry: str
    where: str  # the checkpoint's folder relative to the registry; "" for the registry itself
    reason: str  # one sentence

    def __str__(self) -> str:
        return f"{self.registry}{'/' if self.where else ''}{one_line(self.where)}: {self.reason}"


@dataclass(frozen=True)
class Listing:
    """The usable checkpoints of a registry, by name and newest first, and the problems."""

    checkpoints: tuple[Checkpoint, ...]
    problems: tuple[Problem, ...] = ()


def open_checkpoint(folder: Path, registry: str, revision: str | None = None) -> Checkpoint:
    """The checkpoint in a folder. Its manifest is read and checked, its other files are not.

    Raises `CheckpointDamaged` or `ManifestInvalid`.
    """
    if folder.is_symlink():
        raise CheckpointDamaged("The folder of the checkpoint is a link, which is not followed.")
    text = read_regular_file(folder / MANIFEST_FILE, MAX_MANIFEST_BYTES)
    return Checkpoint(folder, Manifest.from_json(text), registry, revision)


@dataclass(frozen=True)
class FolderRegistry:
    """A folder of checkpoints. Reports and cards quote it by its `name`."""

    path: Path
    name: str

    def list(self) -> Listing:
        """Every checkpoint of the folder. Only manifests are read.

        Raises `RegistryUnreadable` when the folder does not exist or may not be read.
        """
        checkpoints: dict[str, Checkpoint] = {}
        problems: list[Problem] = []
        root = self.path.resolve()  # the registry itself may be a link: its path comes from the user
        for folder in self._checkpoint_folders(root):
            where = folder.relative_to(root).as_posix().removeprefix(".")
            try:
                checkpoint = open_checkpoint(folder, self.name)
            except RegistryError as error:
                problems.append(Problem(self.name, where, str(error)))
                continue
            if checkpoint.ref in checkpoints:
                reason = f"Another folder holds {checkpoint.ref} already; this one is not used."
                problems.append(Problem(self.name, where, reason))
            else:
                checkpoints[checkpoint.ref] = checkpoint
        return Listing(sort_checkpoints(checkpoints.values()), tuple(problems))

    def _checkpoint_folders(self, root: Path) -> Iterator[Path]:
        try:
            children = _subfolders(root)
        except FileNotFoundError:
            raise RegistryUnreadable(f"The registry folder {self.name} does not exist.") from None
        except NotADirectoryError:
            raise RegistryUnreadable(f"The registry {self.name} is not a folder.") from None
        except OSError:
            raise RegistryUnreadable(f"The registry folder {self.name} may not be read.") from None
        if _holds_manifest(root):
            yield root
            return
        remaining = MAX_FOLDERS
        for child in children:
            nested = [] if _holds_manifest(child) or child.is_symlink() else _readable_subfolders(child)
            remaining -= 1 + len(nested)
            if remaining < 0:
                raise RegistryUnreadable(f"The registry {self.name} has more than {MAX_FOLDERS} folders.")
            if _holds_manifest(child):
                yield child
            yield from (grandchild for grandchild in nested if _holds_manifest(grandchild))


def _subfolders(folder: Path) -> list[Path]:
    return sorted(f for f in folder.iterdir() if not f.name.startswith(".") and f.is_dir())


def _readable_subfolders(folder: Path) -> list[Path]:
    """The subfolders; none for a folder that may not be read, which is not taken for a checkpoint."""
    try:
        return _subfolders(folder)
    except PermissionError:
        return []


def _holds_manifest(folder: Path) -> bool:
    return os.path.lexists(folder / MANIFEST_FILE)


def sort_checkpoints(checkpoints: Iterable[Checkpoint]) -> tuple[Checkpoint, ...]:
    """The checkpoints sorted by name, the newest version first."""
    newest_first = sorted(checkpoints, key=lambda c: version_key(c.manifest.version), reverse=True)
    return tuple(sorted(newest_first, key=lambda c: c.manifest.name))


def newest_match(checkpoints: Iterable[Checkpoint], reference: Reference) -> Checkpoint | None:
    """The newest of the checkpoints that match a reference; None where none matches."""
    versions = [
        c
        for c in checkpoints
        if c.manifest.name == reference.name and reference.version in (None, c.manifest.version)
    ]
    return max(versions, key=lambda c: version_key(c.manifest.version), default=None)
