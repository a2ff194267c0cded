"""A registry on the Hugging Face Hub: the checkpoints of one owner.

Each checkpoint is a model repository of the owner, tagged `liverseg` and named like the checkpoint. Each
version is a git tag. A version is resolved to a full commit hash when it is first listed, and stays at that
commit on this machine: versions never change.
"""

from __future__ import annotations

import hashlib
import queue
import threading
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field

from registry.checkpoint import Checkpoint, read_regular_file
from registry.errors import (
    CacheUnwritable,
    CheckpointDamaged,
    HubUnreachable,
    RegistryError,
    RegistryUnreadable,
)
from registry.folder import MANIFEST_FILE, Listing, Problem, sort_checkpoints
from registry.hub.cache import HubCache, write_cached
from registry.hub.client import SCHEME, endpoint, endpoint_host, is_offline, load_client
from registry.hub.index import INDEX_FILE, IndexEntry, index_text, is_commit, read_index
from registry.hub.queries import HubQueries
from registry.manifest import MODEL_FILE, Manifest
from registry.reference import is_name, is_version
from registry.schema import MAX_MANIFEST_BYTES

QUERIES_S = 7.0
"""The time limit for all queries of a listing."""
LISTING_S = 9.0
"""The time limit for a listing, whatever the network does."""
RETRY_S = 30.0
"""After a failed attempt to reach the Hub it is not asked for a listing for this long."""
MAX_REPOSITORIES = 500
_THREADS = 8

_unreachable: dict[
    str, tuple[float, str]
] = {}  # endpoint -> (time of the next attempt, reason of the failure)


@dataclass(frozen=True)
class HubRegistry:
    """The checkpoints of one user or organisation on the Hub."""

    owner: str

    @property
    def name(self) -> str:
        """The name that reports quote: `hf://owner`."""
        return f"{SCHEME}{self.owner}"

    def list(self) -> Listing:
        """Every version of every checkpoint. Only manifests are fetched, each once.

        Where the Hub cannot be reached, the checkpoints whose `model.pt` is in the cache are listed, with a
        problem that says why. Takes at most `LISTING_S` seconds.
        """
        cache = HubCache(self.owner)
        if is_offline():
            cached = self._cached(cache)
            reason = "HF_HUB_OFFLINE is set, and nothing of this registry was fetched before."
            return Listing(cached, () if cached else (Problem(self.name, "", reason),))
        next_attempt, failure = _unreachable.get(endpoint(), (0.0, ""))
        if time.monotonic() >= next_attempt:
            load_client()  # outside the time limit: on a slow machine the import alone takes seconds
            try:
                return _run_within(LISTING_S, lambda: _HubListing(self, cache).listing())
            except RegistryUnreadable as error:
                failure = str(error)
                if isinstance(error, HubUnreachable):
                    _unreachable[endpoint()] = (time.monotonic() + RETRY_S, failure)
        reason = f"{failure} Only checkpoints that were fetched before can be used."
        return Listing(self._cached(cache), (Problem(self.name, "", reason),))

    def _cached(self, cache: HubCache) -> tuple[Checkpoint, ...]:
        """The checkpoints that can be used without the Hub."""
        cached = []
        for entry in read_index(cache.folder):
            try:
                checkpoint = cached_checkpoint(self, cache, entry)
            except RegistryError:
                continue  # not fetched, or damaged in the cache
            if checkpoint.path(MODEL_FILE) is not None:
                cached.append(checkpoint)
        return sort_checkpoints(cached)


def cached_checkpoint(registry: HubRegistry, cache: HubCache, entry: IndexEntry) -> Checkpoint:
    """The checkpoint of an index entry whose manifest is in the cache.

    Raises `CheckpointDamaged` when the manifest is missing or is not the one that was first listed.
    """
    folder = cache.checkpoint_folder(entry.name, entry.commit)
    stored = cache.find(entry.name, entry.commit, MANIFEST_FILE) or folder / MANIFEST_FILE
    text = read_regular_file(stored, MAX_MANIFEST_BYTES)
    if hashlib.sha256(text).hexdigest() != entry.manifest_sha256:
        raise CheckpointDamaged(f"The stored manifest of {entry.name}@{entry.version} was changed.")
    return Checkpoint(folder, Manifest.from_json(text), registry.name, entry.commit, cache)


@dataclass
class _HubListing:
    """Builds the listing of one owner from the Hub's answers and the cache."""

    registry: HubRegistry
    cache: HubCache
    problems: list[Problem] = field(default_factory=list)

    def listing(self) -> Listing:
        """The listing; problems with single checkpoints are collected in `problems`."""
        self.queries = HubQueries(time.monotonic() + QUERIES_S)
        known = read_index(self.cache.folder)
        self.known = {(entry.name, entry.version): entry for entry in known}
        repositories = self.queries.repositories(self.registry.owner, MAX_REPOSITORIES)
        with ThreadPoolExecutor(_THREADS) as pool:
            entries = [entry for versions in pool.map(self._versions, repositories) for entry in versions]
            usable = [pair for pair in pool.map(self._checkpoint, entries) if pair is not None]
        try:
            entries = [entry for entry, _ in usable]
            if entries != known:
                write_cached(self.cache.folder / INDEX_FILE, index_text(entries))
        except CacheUnwritable as error:
            self._problem("", str(error))
        problems = sorted(self.problems, key=lambda problem: problem.where)
        return Listing(sort_checkpoints([checkpoint for _, checkpoint in usable]), tuple(problems))

    def _problem(self, where: str, reason: str) -> None:
        self.problems.append(Problem(self.registry.name, where, reason))

    def _versions(self, repository: str) -> list[IndexEntry]:
        """The versions of a repository, each at the commit where it was first listed."""
        name = repository.split("/")[1]
        if not is_name(name):
            self._problem(name, "The repository's name is not a valid name of a checkpoint.")
            return []
        try:
            tags = self.queries.tags(repository)
        except RegistryError as error:
            self._problem(name, str(error))
            return [entry for entry in self.known.values() if entry.name == name]
        return [self._pinned(name, v, c) for v, c in tags.items() if is_version(v) and is_commit(c)]

    def _pinned(self, name: str, version: str, commit: str) -> IndexEntry:
        """The known entry of a version, with a problem if its tag was moved; otherwise a new entry."""
        known = self.known.get((name, version))
        if known is None:
            return IndexEntry(name, version, commit, "")
        if known.commit != commit:
            reason = f"The tag was moved on the Hub; its first commit, {known.commit[:12]}, is used."
            self._problem(f"{name}/{version}", reason)
        return known

    def _checkpoint(self, entry: IndexEntry) -> tuple[IndexEntry, Checkpoint] | None:
        """The entry with its manifest's digest, and the checkpoint; None and a problem if it is unusable."""
        try:
            try:
                return entry, cached_checkpoint(self.registry, self.cache, entry)
            except CheckpointDamaged:
                entry = self._fetch_manifest(entry)
            return entry, cached_checkpoint(self.registry, self.cache, entry)
        except RegistryError as error:
            self._problem(f"{entry.name}/{entry.version}", str(error))
            return None

    def _fetch_manifest(self, entry: IndexEntry) -> IndexEntry:
        """Fetch the manifest into the cache; returns the entry with its digest."""
        folder = self.cache.checkpoint_folder(entry.name, entry.commit)
        repository = f"{self.registry.owner}/{entry.name}"
        text = self.queries.file(repository, entry.commit, MANIFEST_FILE, MAX_MANIFEST_BYTES)
        manifest = Manifest.from_json(text)
        if (manifest.name, manifest.version) != (entry.name, entry.version):
            raise CheckpointDamaged(f"The manifest at this tag is that of {manifest.ref}.")
        digest = hashlib.sha256(text).hexdigest()
        if entry.manifest_sha256 not in ("", digest):
            raise CheckpointDamaged("The manifest is not the one that was first listed.")
        write_cached(folder / MANIFEST_FILE, text)
        return IndexEntry(entry.name, entry.version, entry.commit, digest)


def _run_within(seconds: float, work: Callable[[], Listing]) -> Listing:
    """The result of `work`; raises `HubUnreachable` when it takes longer.

    The work runs in a thread, because the look-up of a host's name has no time limit. A thread that is too
    late ends with the deadline of its queries, or with the process.
    """
    results: queue.SimpleQueue[Listing | BaseException] = queue.SimpleQueue()

    def run() -> None:
        try:
            results.put(work())
        except BaseException as error:  # raised again in the waiting thread
            results.put(error)

    threading.Thread(target=run, daemon=True).start()
    try:
        result = results.get(timeout=seconds)
    except queue.Empty:
        raise HubUnreachable(f"The Hub at {endpoint_host()} did not answer in time.") from None
    if isinstance(result, BaseException):
        raise result
    return result
