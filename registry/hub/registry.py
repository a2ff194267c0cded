"""A registry that is an owner on the Hugging Face Hub.

Each checkpoint is a model repository of the owner that is tagged `liverseg` and bears the checkpoint's name;
each version is a git tag. A version is resolved to a full commit hash when it is first listed, and stays at
that commit on this machine: versions never change.
"""

from __future__ import annotations

import hashlib
import queue
import threading
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field

from registry.checkpoint import Checkpoint, read_plain
from registry.errors import (
    CacheUnwritable,
    CheckpointDamaged,
    HubUnreachable,
    RegistryError,
    RegistryUnreadable,
)
from registry.folder import MANIFEST_FILE, Listing, Problem, in_order
from registry.hub.cache import Entry, HubStore, is_commit, write_kept
from registry.hub.client import SCHEME, endpoint, endpoint_name, is_offline, load_client
from registry.hub.queries import Questions
from registry.manifest import MODEL_FILE, Manifest
from registry.reference import is_name, is_version
from registry.schema import MAX_MANIFEST_BYTES

ANSWER_S, LIST_S = 7.0, 9.0
"""Questions are asked for the first; a listing takes no longer than the second, whatever the network does."""
PAUSE_S = 30.0
"""A Hub that could not be reached is not asked for a list again for this long."""
MAX_REPOSITORIES = 500
_AT_ONCE = 8

_resting: dict[str, tuple[float, str]] = {}  # endpoint -> when it may be asked again, and why not before


@dataclass(frozen=True)
class HubRegistry:
    """The checkpoints of one user or organisation."""

    owner: str

    @property
    def name(self) -> str:
        """As results quote it."""
        return f"{SCHEME}{self.owner}"

    def list(self) -> Listing:
        """Every version of every checkpoint; only manifests are fetched, each once.

        Where the Hub cannot be asked, those whose `model.pt` is on this machine are listed, with a problem
        that says why. Takes `LIST_S` at most.
        """
        store = HubStore(self.owner)
        if is_offline():
            known = self._fetched(store)
            nothing = "HF_HUB_OFFLINE is set, and nothing of this registry was fetched before."
            return Listing(known, () if known else (Problem(self.name, "", nothing),))
        until, why = _resting.get(endpoint(), (0.0, ""))
        if time.monotonic() >= until:
            load_client()  # seconds on a slow machine, which are not the Hub's
            try:
                return _within(LIST_S, lambda: _Survey(self, store).listing())
            except RegistryUnreadable as error:
                why = str(error)
                if isinstance(error, HubUnreachable):
                    _resting[endpoint()] = (time.monotonic() + PAUSE_S, why)
        reason = f"{why} Only what was fetched before can be used."
        return Listing(self._fetched(store), (Problem(self.name, "", reason),))

    def _fetched(self, store: HubStore) -> tuple[Checkpoint, ...]:
        """What can be used without the Hub."""
        known = []
        for entry in store.read_index():
            try:
                checkpoint = stored_checkpoint(self, store, entry)
            except RegistryError:
                continue  # not fetched, or damaged on this machine: it cannot be used without the Hub
            if (checkpoint.folder / MODEL_FILE).is_file():
                known.append(checkpoint)
        return in_order(known)


def stored_checkpoint(registry: HubRegistry, store: HubStore, entry: Entry) -> Checkpoint:
    """The checkpoint of an entry whose manifest was fetched before.

    Raises `CheckpointDamaged` when the manifest is not there or is not the one that was listed.
    """
    folder = store.checkpoint_folder(entry.name, entry.commit)
    text = read_plain(folder / MANIFEST_FILE, MAX_MANIFEST_BYTES)
    if hashlib.sha256(text).hexdigest() != entry.manifest_sha256:
        raise CheckpointDamaged(f"The stored manifest of {entry.name}@{entry.version} was changed.")
    return Checkpoint(folder, Manifest.from_json(text), registry.name, entry.commit, store)


@dataclass
class _Survey:
    """One look at everything that an owner has on the Hub."""

    registry: HubRegistry
    store: HubStore
    problems: list[Problem] = field(default_factory=list)

    def listing(self) -> Listing:
        self.questions = Questions(time.monotonic() + ANSWER_S)
        self.known = {(entry.name, entry.version): entry for entry in self.store.read_index()}
        repositories = self.questions.repositories(self.registry.owner, MAX_REPOSITORIES)
        with ThreadPoolExecutor(_AT_ONCE) as pool:
            wanted = [entry for entries in pool.map(self._versions, repositories) for entry in entries]
            found = [pair for pair in pool.map(self._checkpoint, wanted) if pair is not None]
        try:
            self.store.write_index([entry for entry, _ in found])
        except CacheUnwritable as error:
            self._problem("", str(error))
        problems = sorted(self.problems, key=lambda problem: problem.where)
        return Listing(in_order([checkpoint for _, checkpoint in found]), tuple(problems))

    def _problem(self, where: str, reason: str) -> None:
        self.problems.append(Problem(self.registry.name, where, reason))

    def _versions(self, repository: str) -> list[Entry]:
        """The versions of a repository at the commits that they were first listed at."""
        name = repository.split("/")[1]
        if not is_name(name):
            self._problem(name, "The repository's name is none that a checkpoint can have.")
            return []
        try:
            tags = self.questions.tags(repository)
        except RegistryError as error:
            self._problem(name, str(error))
            return [entry for entry in self.known.values() if entry.name == name]
        return [self._pinned(name, v, c) for v, c in tags.items() if is_version(v) and is_commit(c)]

    def _pinned(self, name: str, version: str, commit: str) -> Entry:
        first = self.known.get((name, version))
        if first is None:
            return Entry(name, version, commit, "")
        if first.commit != commit:
            reason = f"The tag was moved on the Hub; {first.commit[:12]}, where it was first, is used."
            self._problem(f"{name}/{version}", reason)
        return first

    def _checkpoint(self, entry: Entry) -> tuple[Entry, Checkpoint] | None:
        """The entry with its manifest's digest, and the checkpoint; a problem and None if it is unusable."""
        try:
            try:
                return entry, stored_checkpoint(self.registry, self.store, entry)
            except CheckpointDamaged:
                entry = self._fetch_manifest(entry)
            return entry, stored_checkpoint(self.registry, self.store, entry)
        except RegistryError as error:
            self._problem(f"{entry.name}/{entry.version}", str(error))
            return None

    def _fetch_manifest(self, entry: Entry) -> Entry:
        folder = self.store.checkpoint_folder(entry.name, entry.commit)
        repository = f"{self.registry.owner}/{entry.name}"
        text = self.questions.file(repository, entry.commit, MANIFEST_FILE, MAX_MANIFEST_BYTES)
        manifest = Manifest.from_json(text)
        if (manifest.name, manifest.version) != (entry.name, entry.version):
            raise CheckpointDamaged(f"The manifest there is that of {manifest.ref}.")
        digest = hashlib.sha256(text).hexdigest()
        if entry.manifest_sha256 not in ("", digest):
            raise CheckpointDamaged("The manifest is not the one that was listed first.")
        write_kept(folder / MANIFEST_FILE, text)
        return Entry(entry.name, entry.version, entry.commit, digest)


def _within(seconds: float, work: Callable[[], Listing]) -> Listing:
    """The result of `work`; `HubUnreachable` when it takes longer.

    A look-up of the host's name knows no time limit, so the work goes on in a thread of its own; that ends
    with its own deadline, or with the process.
    """
    results: queue.SimpleQueue[Listing | BaseException] = queue.SimpleQueue()

    def run() -> None:
        try:
            results.put(work())
        except BaseException as error:  # raised again where the result is awaited
            results.put(error)

    threading.Thread(target=run, daemon=True).start()
    try:
        result = results.get(timeout=seconds)
    except queue.Empty:
        raise HubUnreachable(f"The Hub at {endpoint_name()} did not answer in time.") from None
    if isinstance(result, BaseException):
        raise result
    return result
