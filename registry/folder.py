"""A registry that is a folder of checkpoint folders.

The layout is `<folder>/<checkpoint>/manifest.json` or
`<folder>/<name>/<version>/manifest.json`; a folder that itself holds `manifest.json` is a
registry of that one checkpoint. Names and versions come from the manifests, not from the
folders. Folders that start with a dot are skipped (unfinished writes, caches), links are
refused. One damaged checkpoint is reported and does not hide the others.
"""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

from registry.checkpoint import Checkpoint, read_plain
from registry.errors import CheckpointDamaged, RegistryError, RegistryUnreadable
from registry.manifest import Manifest
from registry.reference import Reference, version_key
from registry.schema import MAX_MANIFEST_BYTES
from registry.text import one_line

MANIFEST_FILE = "manifest.json"
MAX_FOLDERS = 10_000
"""Most folders of a registry that are looked into, so that `/` as a registry ends soon."""


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
    """What a registry holds: the usable checkpoints, by name and newest first, and the problems."""

    checkpoints: tuple[Checkpoint, ...]
    problems: tuple[Problem, ...] = ()


def open_checkpoint(folder: Path, registry: str, revision: str | None = None) -> Checkpoint:
    """The checkpoint in a folder, its manifest read and checked, its other files not yet.

    Raises `CheckpointDamaged` or `ManifestInvalid`.
    """
    if folder.is_symlink():
        raise CheckpointDamaged("The folder of the checkpoint is a link, which is not followed.")
    text = read_plain(folder / MANIFEST_FILE, MAX_MANIFEST_BYTES)
    return Checkpoint(folder, Manifest.from_json(text), registry, revision)


@dataclass(frozen=True)
class FolderRegistry:
    """A folder of checkpoints, under the name that results quote."""

    path: Path
    name: str

    def list(self) -> Listing:
        """Every checkpoint of the folder; no file but the manifests is read.

        Raises `RegistryUnreadable` when the folder is not there or may not be read.
        """
        found: dict[str, Checkpoint] = {}
        problems: list[Problem] = []
        root = self.path.resolve()  # the registry itself may be a link; it was named by who runs this
        for folder in self._checkpoint_folders(root):
            where = folder.relative_to(root).as_posix().removeprefix(".")
            try:
                checkpoint = open_checkpoint(folder, self.name)
            except RegistryError as error:
                problems.append(Problem(self.name, where, str(error)))
                continue
            if checkpoint.ref in found:
                reason = f"Another folder holds {checkpoint.ref} already; this one is not used."
                problems.append(Problem(self.name, where, reason))
            else:
                found[checkpoint.ref] = checkpoint
        return Listing(in_order(found.values()), tuple(problems))

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
        budget = MAX_FOLDERS
        for child in children:
            nested = [] if _holds_manifest(child) or child.is_symlink() else _readable_subfolders(child)
            budget -= 1 + len(nested)
            if budget < 0:
                raise RegistryUnreadable(f"The registry {self.name} has more than {MAX_FOLDERS} folders.")
            if _holds_manifest(child):
                yield child
            yield from (grandchild for grandchild in nested if _holds_manifest(grandchild))


def _subfolders(folder: Path) -> list[Path]:
    return sorted(f for f in folder.iterdir() if not f.name.startswith(".") and f.is_dir())


def _readable_subfolders(folder: Path) -> list[Path]:
    """None for a folder that may not be read: beside checkpoints it is somebody else's, not a damaged one."""
    try:
        return _subfolders(folder)
    except PermissionError:
        return []


def _holds_manifest(folder: Path) -> bool:
    return os.path.lexists(folder / MANIFEST_FILE)


def in_order(checkpoints: Iterable[Checkpoint]) -> tuple[Checkpoint, ...]:
    """By name, the newest first."""
    newest_first = sorted(checkpoints, key=lambda c: version_key(c.manifest.version), reverse=True)
    return tuple(sorted(newest_first, key=lambda c: c.manifest.name))


def matching(checkpoints: tuple[Checkpoint, ...], reference: Reference) -> Checkpoint | None:
    """The checkpoint a reference means among those of one registry, the newest for a bare name."""
    versions = [
        c
        for c in checkpoints
        if c.manifest.name == reference.name and reference.version in (None, c.manifest.version)
    ]
    return max(versions, key=lambda c: version_key(c.manifest.version), default=None)
