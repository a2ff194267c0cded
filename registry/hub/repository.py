"""A repository on the Hugging Face Hub: read its state, create it, commit files to it, tag it."""

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
from registry.hub.client import endpoint
from registry.hub.errors import translate_hub_errors
from registry.progress import Progress

if TYPE_CHECKING:
    from huggingface_hub import HfApi
    from huggingface_hub.hf_api import RepoFile


@dataclass(frozen=True)
class Repository:
    """A repository on the Hub. Every method may raise `HubRefused` or `HubUnreachable`."""

    client: HfApi
    id: str  # owner/name
    kind: str = "model"  # "model" | "space"

    @property
    def name(self) -> str:
        """The name for messages."""
        return self.id if self.kind == "model" else f"Space {self.id}"

    def url(self, commit: str = "") -> str:
        """The URL of the repository, or of its files at a commit."""
        root = f"{endpoint()}/{'spaces/' if self.kind == 'space' else ''}{self.id}"
        return f"{root}/tree/{commit}" if commit else root

    def state(self, private: bool) -> tuple[dict[str, str], str | None]:
        """The commit of each tag, and the head of main, which is None where the repository does not exist.

        Raises `PushRefused` where the repository must be `private` and is public.
        """
        from huggingface_hub.errors import HfHubHTTPError

        with translate_hub_errors(self.name):
            try:
                info = self.client.repo_info(self.id, repo_type=self.kind)
            except HfHubHTTPError as error:
                # The Hub answers 401 to a request without a valid token for a repository that does not exist.
                # An attempt to create the repository then shows whether the token is the problem.
                if error.response.status_code in (401, 404):
                    return {}, None
                raise
            if private and not info.private:
                raise PushRefused(f"The repository {self.id} is public; make it private on the Hub first.")
            refs = self.client.list_repo_refs(self.id, repo_type=self.kind)
            heads = [branch.target_commit for branch in refs.branches if branch.name == "main"]
            return {tag.name: tag.target_commit for tag in refs.tags}, heads[0] if heads else None

    def create(self, private: bool, **settings: Any) -> str:
        """Create the repository, with the client's `settings` for its kind; returns the head of main."""
        with translate_hub_errors(f"{self.name} to write to"):
            self.client.create_repo(
                self.id, private=private or None, repo_type=self.kind, exist_ok=True, **settings
            )
        _, head = self.state(private)
        if head is None:
            raise HubRefused(f"The repository {self.id} has no branch main.")
        return head

    def files(self, commit: str) -> dict[str, RepoFile]:
        """The files of a commit, by path."""
        with translate_hub_errors(self.name):
            tree = self.client.list_repo_tree(self.id, revision=commit, recursive=True, repo_type=self.kind)
            return {entry.path: entry for entry in tree if hasattr(entry, "blob_id")}

    def replace(
        self, content: Mapping[str, bytes], parent: str, message: str, progress: Progress
    ) -> str | None:
        """Commit exactly the files `content`, hidden files aside, on top of `parent`.

        Returns the new commit, or None where `parent` holds the same files already.
        """
        existing = self.files(parent)
        if has_same_files(existing, content):
            return None
        stale = [name for name in existing if name not in content and not name.startswith(".")]
        with progress_streams(content, progress) as streams:
            head = self._commit(streams, stale, parent, message)
        if not has_same_files(self.files(head), content):
            raise HubRefused(f"The Hub did not keep all files of {self.name}, so it was not published.")
        return head

    def _commit(
        self, streams: Mapping[str, _Stream | bytes], stale: list[str], parent: str, message: str
    ) -> str:
        """Commit all files on top of `parent`, which must still be the head; returns the commit's hash."""
        from huggingface_hub import CommitOperationAdd, CommitOperationDelete

        with translate_hub_errors(f"{self.name} to write to"):
            operations = [
                *(CommitOperationAdd(name, stream) for name, stream in streams.items()),
                *(CommitOperationDelete(name) for name in stale),
            ]
            for stream in streams.values():
                if isinstance(stream, _Stream):
                    stream.is_upload = True  # reads until here computed the digest
            commit = self.client.create_commit(
                self.id, operations, commit_message=message, parent_commit=parent, repo_type=self.kind
            )
        return str(commit.oid)

    def tag(self, name: str, commit: str) -> bool:
        """Set a tag; False where the tag exists already."""
        from huggingface_hub.errors import HfHubHTTPError

        with translate_hub_errors(f"{self.name} to write to"):
            try:
                self.client.create_tag(self.id, tag=name, revision=commit)
            except HfHubHTTPError as error:
                if error.response.status_code == 409:
                    return False
                raise
        return True


def has_same_files(existing: Mapping[str, RepoFile], content: Mapping[str, bytes]) -> bool:
    """Whether the files of a commit equal `content`, apart from hidden ones such as `.gitattributes`."""
    visible = {name: entry for name, entry in existing.items() if not name.startswith(".")}
    return visible.keys() == content.keys() and all(
        entry.lfs.sha256 == hashlib.sha256(content[name]).hexdigest()
        if entry.lfs
        else entry.blob_id == _git_hash(content[name])
        for name, entry in visible.items()
    )


def _git_hash(data: bytes) -> str:
    """The hash by which git identifies a file's content."""
    return hashlib.sha1(b"blob %d\0" % len(data) + data, usedforsecurity=False).hexdigest()


class _Stream(io.BytesIO):
    """A file's bytes; reports progress when it is read in chunks during the upload."""

    def __init__(self, name: str, data: bytes, progress: Progress) -> None:
        super().__init__(data)
        self.is_upload = False
        self._name, self._total, self._progress = name, len(data), progress

    def read(self, size: int | None = -1) -> bytes:
        chunk = super().read(size)
        if self.is_upload and size not in (None, -1):
            self._progress(self._name, self.tell(), self._total)
        return chunk


@contextmanager
def progress_streams(
    content: Mapping[str, bytes], progress: Progress
) -> Iterator[dict[str, _Stream | bytes]]:
    """Streams of the files that report progress; the client's own progress bars and warnings are off.

    The client sends streams over HTTP instead of Xet, with a warning each time. Files with equal content stay
    bytes: the client would read the last of their streams for all of them, in parallel.
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
        copies = Counter(content.values())
        yield {
            name: data if copies[data] > 1 else _Stream(name, data, one_at_a_time)
            for name, data in content.items()
        }
    finally:
        logger.setLevel(level)
        if had_bars:
            enable_progress_bars()
