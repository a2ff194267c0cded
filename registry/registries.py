"""Which registries there are, and what a reference means among them.

`LIVERSEG_REGISTRY` names one or several, separated by commas; each is a folder, the word
`bundled` for the checkpoints that come with liverseg, or `hf://owner`. Without it there is
the bundled folder alone.
"""

from __future__ import annotations

import os
import re
from pathlib import Path
from typing import Protocol

from registry.checkpoint import Checkpoint
from registry.errors import CheckpointDamaged, CheckpointNotFound, RegistryUnreadable, UnsupportedRegistry
from registry.folder import FolderRegistry, Listing, Problem, matching
from registry.hub.client import owner_of
from registry.hub.registry import HubRegistry
from registry.reference import Reference, parse_reference
from registry.text import one_line

ENVIRONMENT = "LIVERSEG_REGISTRY"
BUNDLED = "bundled"
BUNDLED_FOLDER = Path(__file__).with_name(BUNDLED)


class Registry(Protocol):
    """What every kind of registry can do."""

    @property
    def name(self) -> str:
        """As results quote it: `bundled`, the folder's name, `hf://owner`."""
        ...

    def list(self) -> Listing:
        """Its checkpoints and problems, read anew; raises `RegistryUnreadable`."""
        ...


class Registries:
    """One or several registries in the order in which they are asked."""

    def __init__(self, registries: list[Registry]) -> None:
        self._registries = tuple(registries)
        self._listings: tuple[Listing, ...] | None = None

    @property
    def names(self) -> tuple[str, ...]:
        """The registries' names, in order."""
        return tuple(registry.name for registry in self._registries)

    @property
    def problems(self) -> tuple[Problem, ...]:
        """What cannot be used, and why: damaged checkpoints, folders that are not there."""
        return tuple(problem for listing in self._read() for problem in listing.problems)

    def list(self) -> list[Checkpoint]:
        """Every checkpoint that `find` can return, in the registries' order, newest first by name.

        Where two registries have the same `name@version`, the first one's is listed.
        """
        first: dict[str, Checkpoint] = {}
        for listing in self._read():
            for checkpoint in listing.checkpoints:
                first.setdefault(checkpoint.ref, checkpoint)
        return list(first.values())

    def find(self, ref: str) -> Checkpoint:
        """The checkpoint that `name` or `name@version` means.

        The first registry that has it wins; a bare name means the newest version there.
        Raises `InvalidReference`, `CheckpointDamaged` when the only candidate is damaged,
        or `CheckpointNotFound`.
        """
        reference = parse_reference(ref)
        for listing in self._read():
            checkpoint = matching(listing.checkpoints, reference)
            if checkpoint is not None:
                return checkpoint
        for problem in self.problems:
            if _is_about(problem, reference):
                raise CheckpointDamaged(f"The checkpoint {reference} cannot be used: {problem.reason}")
        reasons = [one_line(p.reason) for p in self.problems if not p.where]
        raise CheckpointNotFound(" ".join([self._not_found(reference), *reasons]))

    def refresh(self) -> Registries:
        """Reads the registries again; returns itself. Until it is done, what was read before is answered."""
        self._listings = tuple(_listing_of(registry) for registry in self._registries)
        return self

    def _read(self) -> tuple[Listing, ...]:
        listings = self._listings
        if listings is None:
            listings = self._listings = tuple(_listing_of(registry) for registry in self._registries)
        return listings

    def _not_found(self, reference: Reference) -> str:
        known = self.list()
        versions = [c.manifest.version for c in known if c.manifest.name == reference.name]
        if versions:
            return f"There is no {reference}; the versions of {reference.name} are {', '.join(versions)}."
        names = list(dict.fromkeys(c.manifest.name for c in known))
        places = one_line(", ".join(self.names))
        if not names:
            return f"There is no checkpoint {reference}: the registry ({places}) has none at all."
        listed = ", ".join(names[:10]) + (", …" if len(names) > 10 else "")
        return f"There is no checkpoint {reference} in {places}; there are {listed}."


def open_registries(spec: str | None = None) -> Registries:
    """The registries that `spec` names, else `LIVERSEG_REGISTRY`, else the bundled one.

    Nothing is read yet. Raises `UnsupportedRegistry` for an address of a kind that is not known.

    >>> open_registries("bundled").names
    ('bundled',)
    """
    return Registries([_open(place) for place in places_of(spec)])


def places_of(spec: str | None = None) -> list[str]:
    """The places that `spec` names, else `LIVERSEG_REGISTRY`, else the bundled one.

    >>> places_of("hf://lab, bundled")
    ['hf://lab', 'bundled']
    """
    if spec is None:
        spec = os.environ.get(ENVIRONMENT, "")
    return [place.strip() for place in spec.split(",") if place.strip()] or [BUNDLED]


def _open(place: str) -> Registry:
    if place == BUNDLED:
        return FolderRegistry(BUNDLED_FOLDER, BUNDLED)
    owner = owner_of(place)
    if owner is not None:
        return HubRegistry(owner)
    scheme = re.match(r"([A-Za-z][A-Za-z0-9+.-]*)://", place)
    if scheme:
        raise UnsupportedRegistry(
            f"A registry is a folder or hf://owner, not {one_line(scheme.group(), 20)}."
        )
    path = Path(os.path.expanduser(place))
    return FolderRegistry(path, one_line(path.name or path.resolve().name or "folder", 64))


def _listing_of(registry: Registry) -> Listing:
    """A registry that cannot be read is a problem of its own, not the end of the others."""
    try:
        return registry.list()
    except RegistryUnreadable as error:
        return Listing((), (Problem(registry.name, "", str(error)),))


def _is_about(problem: Problem, reference: Reference) -> bool:
    """Whether a damaged folder looks like the one meant, going by the folder's name."""
    if reference.version is None:
        return problem.where.split("/")[0] == reference.name
    versioned = (f"{reference.name}/{reference.version}", f"{reference.name}@{reference.version}")
    return problem.where in (*versioned, reference.name)
