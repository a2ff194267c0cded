"""Publish a checkpoint on the Hugging Face Hub: one commit with all files, then the tag of its version."""

from __future__ import annotations

import hashlib
import io
import logging
import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING

from registry.card import PICTURE_FILE, model_card
from registry.card_check import check_hub_card
from registry.errors import CheckpointExists, HubRefused, PushRefused
from registry.folder import MANIFEST_FILE
from registry.hub_client import SCHEME, api, endpoint, is_offline, told
from registry.manifest import FileRecord, Manifest
from registry.pushing import Progress, Pushed
from registry.verify import CARD_FILE

if TYPE_CHECKING:
    from huggingface_hub import HfApi
    from huggingface_hub.hf_api import RepoFile


def push_to_hub(
    manifest: Manifest,
    files: Mapping[str, bytes],
    owner: str,
    *,
    token: str | None,
    private: bool,
    progress: Progress,
) -> Pushed:
    """Publishes verified files as `owner/name`, tagged with the version. See `registry.pushing.push`."""
    if is_offline():
        raise PushRefused("Nothing can be published while HF_HUB_OFFLINE is set.")
    manifest, content = hub_content(manifest, files, owner)
    repository = _Repository(api(token), f"{owner}/{manifest.name}")
    tags, head = repository.state(private)
    if manifest.version in tags:
        return repository.published(manifest, content, tags[manifest.version], unchanged=True)
    if head is None:
        head = repository.create(private)
    there = repository.files(head)
    if not _is_same(there, content):
        stale = [name for name in there if name not in content and not name.startswith(".")]
        with _reporting(content, progress) as streams:
            head = repository.commit(streams, stale, head, f"Publish {manifest.ref}")
        if not _is_same(repository.files(head), content):
            raise HubRefused(f"The Hub did not keep all files of {manifest.ref}, so it was not published.")
    if not repository.tag(manifest.version, head):
        tags, _ = repository.state(private)
        return repository.published(manifest, content, tags.get(manifest.version, ""), unchanged=False)
    for name, data in content.items():
        progress(name, len(data), len(data))
    return Pushed(manifest.ref, repository.address(head), head, unchanged=False)


def hub_content(
    manifest: Manifest, files: Mapping[str, bytes], owner: str
) -> tuple[Manifest, dict[str, bytes]]:
    """The manifest and all files as they are published for an owner.

    A card that was generated is generated again so that its example names the registry, and the manifest
    lists that card; one that was written by hand stays. Raises `PushRefused` for a card that the Hub, or
    a registry on it, could not use.
    """
    content = dict(files)
    picture = PICTURE_FILE if PICTURE_FILE in content else None
    if content[CARD_FILE].decode() in (model_card(manifest), model_card(manifest, picture=picture)):
        card = model_card(manifest, registry=f"{SCHEME}{owner}", picture=picture).encode()
        content[CARD_FILE] = card
        record = FileRecord(hashlib.sha256(card).hexdigest(), len(card))
        manifest = manifest.with_files(manifest.files | {CARD_FILE: record})
    check_hub_card(content[CARD_FILE].decode(), manifest)
    return manifest, content | {MANIFEST_FILE: manifest.to_json().encode()}


@dataclass(frozen=True)
class _Repository:
    """A model repository on the Hub; every method raises `HubRefused` or `HubUnreachable`."""

    client: HfApi
    id: str

    def address(self, commit: str) -> str:
        return f"{endpoint()}/{self.id}/tree/{commit}"

    def state(self, private: bool) -> tuple[dict[str, str], str | None]:
        """The commit of each tag, and the head of main, None where there is no such repository."""
        from huggingface_hub.errors import HfHubHTTPError

        with told(self.id):
            try:
                info = self.client.model_info(self.id)
            except HfHubHTTPError as error:
                # For a repository that is not there the Hub answers 401 to who gives no token, or none
                # that counts; creating it tells the two apart.
                if error.response.status_code in (401, 404):
                    return {}, None
                raise
            if private and not info.private:
                raise PushRefused(f"The repository {self.id} is public; make it private on the Hub first.")
            refs = self.client.list_repo_refs(self.id)
            heads = [branch.target_commit for branch in refs.branches if branch.name == "main"]
            return {tag.name: tag.target_commit for tag in refs.tags}, heads[0] if heads else None

    def create(self, private: bool) -> str:
        with told(f"{self.id} to write to"):
            self.client.create_repo(self.id, private=private or None, exist_ok=True)
        _, head = self.state(private)
        if head is None:
            raise HubRefused(f"The repository {self.id} has no branch main.")
        return head

    def files(self, commit: str) -> dict[str, RepoFile]:
        with told(self.id):
            tree = self.client.list_repo_tree(self.id, revision=commit, recursive=True)
            return {entry.path: entry for entry in tree if hasattr(entry, "blob_id")}

    def published(
        self, manifest: Manifest, content: Mapping[str, bytes], commit: str, *, unchanged: bool
    ) -> Pushed:
        """The version that is there already, if it is the same."""
        if not commit or not _is_same(self.files(commit), content):
            raise CheckpointExists(
                f"Another {manifest.ref} is on the Hub already, and versions never change; "
                "give the new one a new version."
            )
        return Pushed(manifest.ref, self.address(commit), commit, unchanged)

    def commit(self, streams: Mapping[str, io.BytesIO], stale: list[str], parent: str, message: str) -> str:
        """All files in one commit on top of `parent`, which must still be the head; returns its hash."""
        from huggingface_hub import CommitOperationAdd, CommitOperationDelete

        with told(f"{self.id} to write to"):
            operations = [
                *(CommitOperationAdd(name, stream) for name, stream in streams.items()),
                *(CommitOperationDelete(name) for name in stale),
            ]
            for stream in streams.values():
                stream.is_sent = True  # what was read until here was for the digest
            done = self.client.create_commit(
                self.id, operations, commit_message=message, parent_commit=parent
            )
        return done.oid

    def tag(self, name: str, commit: str) -> bool:
        """Whether the tag could be set: False where somebody else was faster."""
        from huggingface_hub.errors import HfHubHTTPError

        with told(f"{self.id} to write to"):
            try:
                self.client.create_tag(self.id, tag=name, revision=commit)
            except HfHubHTTPError as error:
                if error.response.status_code == 409:
                    return False
                raise
        return True


def _is_same(there: Mapping[str, RepoFile], content: Mapping[str, bytes]) -> bool:
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
def _reporting(content: Mapping[str, bytes], progress: Progress) -> Iterator[dict[str, _Stream]]:
    """Streams of the files that report their progress, in place of the client's own bars and warnings.

    The client sends streams over HTTP, not Xet, and warns of it each time.
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
        yield {name: _Stream(name, data, one_at_a_time) for name, data in content.items()}
    finally:
        logger.setLevel(level)
        if had_bars:
            enable_progress_bars()
