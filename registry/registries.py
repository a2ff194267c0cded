"""Open one or several registries and find checkpoints in them.

`LIVERSEG_REGISTRY` holds the addresses of the registries, separated by commas. An address is a folder, the
word `bundled` for the checkpoints that come with liverseg, or `hf://owner`. The default is `bundled`.
"""

from __future__ import annotations

import os
import re
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from registry.checkpoint import BUNDLED_FOLDER, Checkpoint
from registry.errors import CheckpointDamaged, CheckpointNotFound, RegistryUnreadable, UnsupportedRegistry
from registry.folder import FolderRegistry, Listing, Problem, newest_match
from registry.hub.client import owner_of
from registry.hub.registry import HubRegistry
from registry.manifest import MODEL_FILE
from registry.reference import Reference, parse_reference
from registry.text import one_line

REGISTRY_VARIABLE = "LIVERSEG_REGISTRY"
BUNDLED = "bundled"


class Registry(Protocol):
    """The interface of every kind of registry."""

    @property
    def name(self) -> str:
        """The name that reports quote: `bundled`, the folder's name, or `hf://owner`."""
        ...

    def list(self) -> Listing:
        """Read the checkpoints and problems; raises `RegistryUnreadable`."""
        ...


@dataclass(frozen=True)
class FileState:
    """What tells a checkpoint apart from the same one before its `model.pt` was damaged or repaired."""

    folder: Path
    sha256: str  # of `model.pt`, as the manifest says
    sizes_and_times: tuple[tuple[int, int], ...] | None  # of what `model.pt` is made of; None: missing

    @classmethod
    def of(cls, checkpoint: Checkpoint) -> FileState:
        """The present state of a checkpoint's files."""
        try:
            found = [os.lstat(path) for path in checkpoint.stored_paths(MODEL_FILE)]
        except (OSError, CheckpointDamaged):
            return cls(checkpoint.folder, checkpoint.sha256, None)
        sizes_and_times = tuple((one.st_size, one.st_mtime_ns) for one in found)
        return cls(checkpoint.folder, checkpoint.sha256, sizes_and_times)


class Registries:
    """One or several registries, searched in their order. They are read once, on first use."""

    def __init__(self, registries: list[Registry]) -> None:
        self._registries = tuple(registries)
        self._listings: tuple[Listing, ...] | None = None
        self._damaged: dict[FileState, str] = {}  # why a checkpoint is set aside

    @property
    def names(self) -> tuple[str, ...]:
        """The registries' names, in order."""
        return tuple(registry.name for registry in self._registries)

    @property
    def problems(self) -> tuple[Problem, ...]:
        """Damaged checkpoints and unreadable registries, with the reasons."""
        return tuple(problem for listing in self._read() for problem in listing.problems)

    def list(self) -> list[Checkpoint]:
        """Every checkpoint that `find` can return: by registry, then by name, the newest version first.

        Where two registries have the same `name@version`, that of the first registry is listed.
        """
        by_ref: dict[str, Checkpoint] = {}
        for listing in self._read():
            for checkpoint in listing.checkpoints:
                by_ref.setdefault(checkpoint.ref, checkpoint)
        return list(by_ref.values())

    def find(self, ref: str) -> Checkpoint:
        """The checkpoint `name@version`, or the newest version of `name`, of the first registry that has one.

        Raises `InvalidReference`, `CheckpointDamaged` when the only candidate is damaged, or
        `CheckpointNotFound`.
        """
        reference = parse_reference(ref)
        for listing in self._read():
            checkpoint = newest_match(listing.checkpoints, reference)
            if checkpoint is not None:
                return checkpoint
        for problem in self.problems:
            if _is_about(problem, reference):
                raise CheckpointDamaged(f"The checkpoint {reference} cannot be used: {problem.reason}")
        reasons = [one_line(p.reason) for p in self.problems if not p.where]
        raise CheckpointNotFound(" ".join([self._not_found(reference), *reasons]))

    def set_aside(self, checkpoint: Checkpoint, reason: str) -> None:
        """List and find a checkpoint no longer, as its files are damaged; `reason` is one sentence.

        It becomes one of the `problems`, so that the newest version whose files are whole is found instead.
        It is listed again once its `model.pt` on the disk has changed.
        """
        self._damaged = {**self._damaged, FileState.of(checkpoint): reason}

    def refresh(self) -> Registries:
        """Read the registries again; returns itself. Until it is done, other threads see the old listings."""
        self._listings = tuple(_listing_of(registry) for registry in self._registries)
        return self

    def _read(self) -> tuple[Listing, ...]:
        listings = self._listings
        if listings is None:
            listings = self._listings = tuple(_listing_of(registry) for registry in self._registries)
        return tuple(map(self._without_damaged, listings)) if self._damaged else listings

    def _without_damaged(self, listing: Listing) -> Listing:
        """A listing in which the checkpoints that were set aside are problems."""
        usable: list[Checkpoint] = []
        problems = list(listing.problems)
        for checkpoint in listing.checkpoints:
            reason = self._damaged.get(FileState.of(checkpoint))
            if reason is None:
                usable.append(checkpoint)
            else:
                problems.append(Problem(checkpoint.registry, checkpoint.ref, reason))
        return Listing(tuple(usable), tuple(problems))

    def _not_found(self, reference: Reference) -> str:
        known = self.list()
        versions = [c.manifest.version for c in known if c.manifest.name == reference.name]
        if versions:
            return f"There is no {reference}; the versions of {reference.name} are {', '.join(versions)}."
        names = list(dict.fromkeys(c.manifest.name for c in known))
        registries = one_line(", ".join(self.names))
        if not names:
            return f"There is no checkpoint {reference}: the registry ({registries}) has no checkpoints."
        listed = ", ".join(names[:10]) + (", …" if len(names) > 10 else "")
        return f"There is no checkpoint {reference} in {registries}; there are {listed}."


def open_registries(spec: str | None = None) -> Registries:
    """The registries of the comma-separated addresses `spec`, by default `LIVERSEG_REGISTRY`, else bundled.

    Nothing is read yet. Raises `UnsupportedRegistry` for an unknown kind of address.

    >>> open_registries("bundled").names
    ('bundled',)
    """
    return Registries([_open_registry(address) for address in registry_addresses(spec)])


def registry_addresses(spec: str | None = None) -> list[str]:
    """The addresses in `spec`, by default in `LIVERSEG_REGISTRY`, else `bundled`.

    >>> registry_addresses("hf://lab, bundled")
    ['hf://lab', 'bundled']
    """
    if spec is None:
        spec = os.environ.get(REGISTRY_VARIABLE, "")
    return [address.strip() for address in spec.split(",") if address.strip()] or [BUNDLED]


def _open_registry(address: str) -> Registry:
    if address == BUNDLED:
        return FolderRegistry(BUNDLED_FOLDER, BUNDLED)
    owner = owner_of(address)
    if owner is not None:
        return HubRegistry(owner)
    scheme = re.match(r"([A-Za-z][A-Za-z0-9+.-]*)://", address)
    if scheme:
        raise UnsupportedRegistry(
            f"A registry is a folder or hf://owner, not {one_line(scheme.group(), 20)}."
        )
    path = Path(os.path.expanduser(address))
    return FolderRegistry(path, one_line(path.name or path.resolve().name or "folder", 64))


def _listing_of(registry: Registry) -> Listing:
    """The registry's listing; one with a single problem where the registry cannot be read."""
    try:
        return registry.list()
    except RegistryUnreadable as error:
        return Listing((), (Problem(registry.name, "", str(error)),))


def _is_about(problem: Problem, reference: Reference) -> bool:
    """Whether a problem is about the checkpoint of a reference, judged by its folder's name or its own."""
    if reference.version is None:
        return re.split("[/@]", problem.where)[0] == reference.name
    versioned = (f"{reference.name}/{reference.version}", f"{reference.name}@{reference.version}")
    return problem.where in (*versioned, reference.name)
