"""The checkpoints that the page offers, and the loaded ones, shared by all visitors."""

from __future__ import annotations

import threading
from collections import OrderedDict

import registry
from liverseg.errors import CheckpointRefused
from liverseg.segmenter import Segmenter, find_checkpoint
from registry import Checkpoint, Registries, RegistryError
from registry.hub_client import SCHEME

MAX_LOADED = 3
"""Checkpoints that stay in memory; the one that was not used for longest goes first."""

KNOWN_LICENCES = {
    "cc-by-nc-sa-4.0": "CC BY-NC-SA 4.0",
    "cc-by-sa-4.0": "CC BY-SA 4.0",
    "cc-by-4.0": "CC BY 4.0",
    "apache-2.0": "Apache 2.0",
    "mit": "MIT",
}
"""Licence identifiers as people write them."""


def licence_name(licence: str) -> str:
    """A licence as people write it; an unknown one as the manifest has it.

    >>> licence_name("CC-BY-SA-4.0"), licence_name("Own terms")
    ('CC BY-SA 4.0', 'Own terms')
    """
    return KNOWN_LICENCES.get(licence.lower(), licence)


def dice(value: float | None) -> str:
    """A Dice value with three decimals.

    >>> dice(0.9449), dice(None)
    ('0.945', 'not measured')
    """
    return "not measured" if value is None else f"{value:.3f}"


def entry_label(checkpoint: Checkpoint) -> str:
    """The dropdown's entry: name, version, Dice of liver and tumour, licence."""
    manifest = checkpoint.manifest
    head = manifest.headline()
    return (
        f"{manifest.name} {manifest.version} · liver {dice(head['liver'])} · tumour {dice(head['tumour'])}"
        f" · {licence_name(manifest.licence)}"
    )


class Checkpoints:
    """The checkpoints of the registries. Safe to share between threads."""

    def __init__(self, registries: Registries | None = None, *, engine: str = "auto") -> None:
        self._registries = registries or _open()
        self._engine = engine
        self._lock = threading.Lock()
        self._loaded: OrderedDict[tuple[str, str], Segmenter] = OrderedDict()

    @property
    def may_come_later(self) -> bool:
        """Whether a registry is on the Hub, so that what is not there now may be there soon."""
        return any(name.startswith(SCHEME) for name in self._registries.names)

    def list(self) -> list[Checkpoint]:
        """Every checkpoint, the default one first."""
        with self._lock:
            found = self._registries.list()
            if not found:
                return []
            default = find_checkpoint(None, self._registries).ref
        return sorted(found, key=lambda checkpoint: checkpoint.ref != default)

    def choices(self) -> list[tuple[str, str]]:
        """(label, ref) of each entry of the dropdown."""
        return [(entry_label(checkpoint), checkpoint.ref) for checkpoint in self.list()]

    def refresh(self) -> None:
        """Look at the registries again: a checkpoint may have been added or replaced.

        A registry on the Hub takes seconds at worst, in which the others go on with what was read before.
        """
        self._registries.refresh()

    def notices(self) -> list[str]:
        """Why a whole registry is not there, or only what was fetched from it before."""
        return [str(problem) for problem in self._registries.problems if not problem.where]

    def find(self, ref: str | None) -> Checkpoint:
        """The checkpoint of a reference, None for the default one; raises `CheckpointRefused`."""
        with self._lock:
            return find_checkpoint(ref, self._registries)

    def segmenter(self, ref: str | None) -> Segmenter:
        """The loaded checkpoint; its files are verified when it is loaded. Raises `CheckpointRefused`."""
        checkpoint = self.find(ref)
        key = (checkpoint.ref, checkpoint.sha256)
        try:
            checkpoint.fetch()  # minutes, perhaps, so nobody else is kept waiting
        except RegistryError as error:
            raise CheckpointRefused(str(error)) from error
        with self._lock:
            if key not in self._loaded:
                self._loaded[key] = Segmenter.from_checkpoint(checkpoint, engine=self._engine)
            self._loaded.move_to_end(key)
            while len(self._loaded) > MAX_LOADED:
                self._loaded.popitem(last=False)
            return self._loaded[key]


def _open() -> Registries:
    try:
        return registry.open_registries()
    except RegistryError as error:
        raise CheckpointRefused(str(error)) from error
