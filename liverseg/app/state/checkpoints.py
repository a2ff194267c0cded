"""The checkpoints that the page offers, and the loaded ones, shared by all visitors."""

from __future__ import annotations

import logging
import threading
import time
from collections import OrderedDict
from collections.abc import Callable
from concurrent.futures import Future
from dataclasses import dataclass, field

import registry
from liverseg.analysis.report_text import dice_text
from liverseg.app.state import zerogpu
from liverseg.app.state.checkpoint_check import CheckpointCheck
from liverseg.app.text.catalogue import say
from liverseg.errors import CheckpointRefused, LiversegError
from liverseg.inference.fallback import use_undamaged
from liverseg.inference.segmenter import Segmenter, find_checkpoint
from registry import Checkpoint, CheckpointNotFound, Registries, RegistryError
from registry.hub.client import SCHEME
from registry.progress import size_text

MAX_LOADED = 3
"""Checkpoints that stay in memory; the least recently used one is dropped first."""

LOAD_FAILED = "The checkpoint could not be loaded."
"""Shown where loading failed for an unexpected reason; refusals have their own sentence."""

LIST_S = 2.0
"""The page is built without the Hub's checkpoints if listing takes longer; opening it lists them again."""

LOOK_AGAIN_S = 10.0
"""Least time between two searches of the registries for an unknown checkpoint."""

KNOWN_LICENCES = {
    "cc-by-nc-sa-4.0": "CC BY-NC-SA 4.0",
    "cc-by-sa-4.0": "CC BY-SA 4.0",
    "cc-by-4.0": "CC BY 4.0",
    "apache-2.0": "Apache 2.0",
    "mit": "MIT",
}
"""Licence identifiers as people write them."""

_log = logging.getLogger(__name__)


def licence_name(licence: str) -> str:
    """A licence as people write it; an unknown one is returned unchanged.

    >>> licence_name("CC-BY-SA-4.0"), licence_name("Own terms")
    ('CC BY-SA 4.0', 'Own terms')
    """
    return KNOWN_LICENCES.get(licence.lower(), licence)


def entry_label(checkpoint: Checkpoint, word: Callable[[str], object] = say) -> str:
    """The dropdown's entry: name, version, Dice of liver and tumour, licence.

    `word` gives the text of a key, or a mark that stands for it.
    """
    manifest = checkpoint.manifest
    head = manifest.headline()
    dice = " · ".join(f"{word(f'entry.{name}')} {dice_text(head[name])}" for name in ("liver", "tumour"))
    return f"{manifest.name} {manifest.version} · {dice} · {licence_name(manifest.licence)}"


@dataclass
class _Load:  # by one thread, while others wait for the result
    ref: str
    result: Future[Segmenter] = field(default_factory=Future)
    fetched: tuple[int, int] = (0, 0)  # bytes of the current file, and its size; (0, 0): no download

    def show_progress(self, name: str, done: int, total: int) -> None:
        """The progress callback of the download."""
        self.fetched = (done, total) if done < total else (0, 0)

    def __str__(self) -> str:
        done, total = self.fetched
        share = f" {size_text(done)} of {size_text(total)}" if total else ""
        return f"Loading the checkpoint {self.ref} …{share}"


class Checkpoints:
    """The checkpoints of the registries. Safe to share between threads."""

    def __init__(self, registries: Registries | None = None, *, engine: str = "auto") -> None:
        self._registries = registries or _open()
        self._engine = engine
        self._lock = threading.Lock()
        self._opening = threading.Lock()  # networks are converted one at a time, with every processor
        self._looked_s = time.monotonic()
        self._loaded: OrderedDict[tuple[str, str], Segmenter] = OrderedDict()
        self._loads: dict[tuple[str, str], _Load] = {}
        self._failed: dict[str, str] = {}  # ref -> why it could not be loaded
        self._is_starting = False
        self._listed = threading.Event()
        self._check = CheckpointCheck(self._registries)
        self._checked: dict[str, bytes] = {}  # sha256 -> archive read by `check`, kept until it is loaded

    @property
    def may_come_later(self) -> bool:
        """Whether a registry is on the Hub, so that a missing checkpoint may appear later."""
        return any(name.startswith(SCHEME) for name in self._registries.names)

    def check(self) -> None:
        """Raises `CheckpointRefused` when there is nothing to serve, as far as folders can tell.

        Without a registry on the Hub, a default checkpoint must exist whose `model.pt` matches the manifest;
        damaged ones are set aside. Nothing is loaded.
        """
        if not self.may_come_later:
            first, archive = self._check.default()
            self._checked[first.sha256] = archive
            self._listed.set()

    def warm_up(self) -> threading.Thread:
        """Load the default checkpoint in the background; see `loading` and `problem_with`."""
        self._is_starting = True
        thread = threading.Thread(target=self._load_first, name="warm-up", daemon=True)
        thread.start()
        return thread

    def _load_first(self) -> None:
        try:
            first = self.segmenter(None)
            _log.info("checkpoint %s on %s", first.checkpoint.ref, first.engine.name)
        except LiversegError as error:
            _log.warning("%s", error)  # the page shows it too, and the next upload tries again
        finally:
            self._is_starting = False

    def wait_for_list(self) -> bool:
        """Whether `list` can be asked without much waiting: at the start, the Hub is given `LIST_S`."""
        return not (self._is_starting and self.may_come_later) or self._listed.wait(LIST_S)

    @property
    def loading(self) -> str:
        """A line about what is on its way into memory; empty where nothing is."""
        load = next(iter(self._loads.copy().values()), None)
        if load is not None:
            return str(load)
        return "Looking for checkpoints …" if self._is_starting else ""

    def problem_with(self, ref: str | None) -> str:
        """Why a checkpoint could not be loaded when that was last tried; empty where it could, or was not."""
        return self._failed.get(ref or "", "")

    def list(self) -> list[Checkpoint]:
        """Every checkpoint, the default one first."""
        with self._lock:
            found = self._registries.list()
            self._listed.set()
            if not found:
                return []
            default = find_checkpoint(None, self._registries).ref
        return sorted(found, key=lambda checkpoint: checkpoint.ref != default)

    def choices(self, word: Callable[[str], object] = say) -> list[tuple[str, str]]:
        """(label, ref) of each entry of the dropdown; `word` as in `entry_label`."""
        return [(entry_label(checkpoint, word), checkpoint.ref) for checkpoint in self.list()]

    def refresh(self) -> None:
        """Look at the registries again: a checkpoint may have been added or replaced.

        A registry on the Hub takes seconds at worst, in which the others go on with what was read before.
        """
        if self._listed.is_set():
            self._looked_s = time.monotonic()
            self._registries.refresh()
            self._check.recheck_default()  # before a damaged one is offered

    def notices(self) -> list[str]:
        """Why a registry, or another version of the default checkpoint, is not there as it should be."""
        return self._check.notices()

    def find(self, ref: str | None) -> Checkpoint:
        """The checkpoint of a reference, None for the default one; raises `CheckpointRefused`.

        One that is not known may have been published since the registries were read, so they are read again.
        """
        try:
            return self._find(ref)
        except CheckpointRefused as error:
            unknown = ref is not None and isinstance(error.__cause__, CheckpointNotFound)
            if not unknown or time.monotonic() < self._looked_s + LOOK_AGAIN_S:
                raise
        self.refresh()
        return self._find(ref)

    def _find(self, ref: str | None) -> Checkpoint:
        with self._lock:
            try:
                return find_checkpoint(ref, self._registries)
            finally:
                self._listed.set()

    def segmenter(self, ref: str | None) -> Segmenter:
        """The loaded checkpoint; its files are verified when it is loaded. Raises `CheckpointRefused`.

        Callers that ask at the same time wait for one load. After a failure the next call tries again. A
        damaged checkpoint is set aside; if `ref` has no version, the next one is loaded.
        """
        return use_undamaged(ref, self._registries, self.find, self._segmenter)

    def _segmenter(self, checkpoint: Checkpoint) -> Segmenter:
        key = (checkpoint.ref, checkpoint.sha256)
        with self._lock:
            if key in self._loaded:
                self._loaded.move_to_end(key)
                return self._loaded[key]
            load = self._loads.get(key)
            is_ours = load is None
            if load is None:
                load = self._loads[key] = _Load(checkpoint.ref)
        if is_ours:
            self._load_checkpoint(key, load, checkpoint)
        return load.result.result()

    def _load_checkpoint(self, key: tuple[str, str], load: _Load, checkpoint: Checkpoint) -> None:
        """Fetch, verify and load a checkpoint; success or failure ends the wait for `load`."""
        try:
            segmenter = self._segmenter_of(checkpoint, load)
        except BaseException as error:  # raised again in every waiting thread, this one included
            with self._lock:
                self._failed[checkpoint.ref] = str(error) if isinstance(error, LiversegError) else LOAD_FAILED
                del self._loads[key]
            load.result.set_exception(error)
            return
        with self._lock:
            self._loaded[key] = segmenter
            while len(self._loaded) > MAX_LOADED:
                self._loaded.popitem(last=False)
            self._failed.pop(checkpoint.ref, None)
            del self._loads[key]
        load.result.set_result(segmenter)

    def _segmenter_of(self, checkpoint: Checkpoint, load: _Load) -> Segmenter:
        try:
            checkpoint.fetch(progress=load.show_progress)  # outside the lock: a download may take minutes
        except RegistryError as error:
            raise CheckpointRefused(str(error)) from error
        with self._opening:
            if zerogpu.is_here():
                return zerogpu.GPUSegmenter.from_checkpoint(checkpoint)
            archive = self._checked.pop(checkpoint.sha256, None)
            return Segmenter.from_checkpoint(checkpoint, engine=self._engine, archive=archive)


def _open() -> Registries:
    try:
        return registry.open_registries()
    except RegistryError as error:
        raise CheckpointRefused(str(error)) from error
