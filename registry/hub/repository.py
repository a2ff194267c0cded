"""A repository on the Hugging Face Hub to write to: looked at, created, changed in one commit, tagged."""

from __future__ import annotations

import hashlib
import io
import logging
import threading
from collections import Counter
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from registry.errors import HubRefused, PushRefused
from registry.hub.client import endpoint, told
from registry.progress import Progress

if TYPE_CHECKING:
    from huggingface_hub import HfApi
    from huggingface_hub.hf_api import RepoFile


@dataclass(frozen=True)
class Repository:
    """A repository on the Hub; every method raises `HubRefused` or `HubUnreachable`."""

    client: HfApi
    id: str  # owner/name
    kind: str = "model"  # "model" | "space"

    @property
    def name(self) -> str:
        """As sentences call it."""
        return self.id if self.kind == "model" else f"Space {self.id}"

    def address(self, commit: str = "") -> str:
        """Of the repository, or of its files at a commit."""
        start = f"{endpoint()}/{'spaces/' if self.kind == 'space' else ''}{self.id}"
        return f"{start}/tree/{commit}" if commit else start

    def state(self, private: bool) -> tuple[dict[str, str], str | None]:
        """The commit of each tag, and the head of main, None where there is no such repository."""
        from huggingface_hub.errors import HfHubHTTPError

        with told(self.name):
            try:
                info = self.client.repo_info(self.id, repo_type=self.kind)
            except HfHubHTTPError as error:
                # For a repository that is not there the Hub answers 401 to who gives no token, or none
                # that counts; creating it tells the two apart.
                if error.response.status_code in (401, 404):
                    return {}, None
                raise
            if private and not info.private:
                raise PushRefused(f"The repository {self.id} is public; make it private on the Hub first.")
            refs = self.client.list_repo_refs(self.id, repo_type=self.kind)
            heads = [branch.target_commit for branch in refs.branches if branch.name == "main"]
            return {tag.name: tag.target_commit for tag in refs.tags}, heads[0] if heads else None

    def create(self, private: bool, **settings: Any) -> str:
        """Creates it, with settings that only its kind has; returns the head of main."""
        with told(f"{self.name} to write to"):
            self.client.create_repo(
                self.id, private=private or None, repo_type=self.kind, exist_ok=True, **settings
            )
        _, head = self.state(private)
        if head is None:
            raise HubRefused(f"The repository {self.id} has no branch main.")
        return head

    def files(self, commit: str) -> dict[str, RepoFile]:
        """The files of a commit by their paths."""
        with told(self.name):
            tree = self.client.list_repo_tree(self.id, revision=commit, recursive=True, repo_type=self.kind)
            return {entry.path: entry for entry in tree if hasattr(entry, "blob_id")}

    def replace(
        self, content: Mapping[str, bytes], parent: str, message: str, progress: Progress
    ) -> str | None:
        """Makes the commit on top of `parent` hold exactly `content`, hidden files aside, if it does not.

        Returns the new commit, or None where there was nothing to do.
        """
        there = self.files(parent)
        if is_same(there, content):
            return None
        stale = [name for name in there if name not in content and not name.startswith(".")]
        with reporting(content, progress) as streams:
            head = self._commit(streams, stale, parent, message)
        if not is_same(self.files(head), content):
            raise HubRefused(f"The Hub did not keep all files of {self.name}, so it was not published.")
        return head

    def _commit(
        self, streams: Mapping[str, _Stream | bytes], stale: list[str], parent: str, message: str
    ) -> str:
        """All files in one commit on top of `parent`, which must still be the head; returns its hash."""
        from huggingface_hub import CommitOperationAdd, CommitOperationDelete

        with told(f"{self.name} to write to"):
            operations = [
                *(CommitOperationAdd(name, stream) for name, stream in streams.items()),
                *(CommitOperationDelete(name) for name in stale),
            ]
            for stream in streams.values():
                if isinstance(stream, _Stream):
                    stream.is_sent = True  # what was read until here was for the digest
            done = self.client.create_commit(
                self.id, operations, commit_message=message, parent_commit=parent, repo_type=self.kind
            )
        return str(done.oid)

    def tag(self, name: str, commit: str) -> bool:
        """Whether the tag could be set: False where somebody else was faster."""
        from huggingface_hub.errors import HfHubHTTPError

        with told(f"{self.name} to write to"):
            try:
                self.client.create_tag(self.id, tag=name, revision=commit)
            except HfHubHTTPError as error:
                if error.response.status_code == 409:
                    return False
                raise
        return True


def is_same(there: Mapping[str, RepoFile], content: Mapping[str, bytes]) -> bool:
    """Whether a commit holds exactly these files, apart from hidden ones such as `.gitattributes`."""
    visible = {name: entry for name, entry in there.items() if not name.startswith(".")}
    return visible.keys() == content.keys() and all(
        entry.lfs.sha256 == hashlib.sha256(content[name]).hexdigest()
        if entry.lfs
        else entry.blob_id == _git_hash(content[name])
        for name, entry in visible.items()
    )


def _git_hash(data: bytes) -> str:
    """The name that git gives to a file's content."""
    return hashlib.sha1(b"blob %d\0" % len(data) + data, usedforsecurity=False).hexdigest()


class _Stream(io.BytesIO):
    """A file's bytes that tell how far they were sent, which is done in pieces."""

    def __init__(self, name: str, data: bytes, progress: Progress) -> None:
        super().__init__(data)
        self.is_sent = False
        self._name, self._total, self._progress = name, len(data), progress

    def read(self, size: int | None = -1) -> bytes:
        chunk = super().read(size)
        if self.is_sent and size not in (None, -1):
            self._progress(self._name, self.tell(), self._total)
        return chunk


@contextmanager
def reporting(content: Mapping[str, bytes], progress: Progress) -> Iterator[dict[str, _Stream | bytes]]:
    """Streams of the files that report their progress, in place of the client's own bars and warnings.

    The client sends streams over HTTP, not Xet, and warns of it each time. Files of the same content stay
    bytes: the client sends all of them from the last one, at the same time, which a stream does not survive.
    """
    from huggingface_hub.utils import (
        are_progress_bars_disabled,
        disable_progress_bars,
        enable_progress_bars,
    )

    lock = threading.Lock()

    def one_at_a_time(name: str, done: int, total: int) -> None:
        with lock:
            progress(name, done, total)

    logger = logging.getLogger("huggingface_hub._commit_api")
    level, had_bars = logger.level, not are_progress_bars_disabled()
    logger.setLevel(logging.ERROR)
    if had_bars:
        disable_progress_bars()
    try:
        alike = Counter(content.values())
        yield {
            name: data if alike[data] > 1 else _Stream(name, data, one_at_a_time)
            for name, data in content.items()
        }
    finally:
        logger.setLevel(level)
        if had_bars:
            enable_progress_bars()
