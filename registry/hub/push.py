"""Publish a checkpoint on the Hugging Face Hub: one commit with all files, then the tag of its version."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping

from registry.card.card import PICTURE_FILE, card_style, model_card
from registry.card.check import check_hub_card
from registry.errors import CheckpointExists, PushRefused
from registry.folder import MANIFEST_FILE
from registry.hub.client import SCHEME, api, is_offline
from registry.hub.repository import Repository, has_same_files
from registry.manifest import FileRecord, Manifest
from registry.progress import Progress, Pushed
from registry.verify import CARD_FILE


def push_to_hub(
    manifest: Manifest,
    files: Mapping[str, bytes],
    owner: str,
    *,
    token: str | None,
    private: bool,
    progress: Progress,
) -> Pushed:
    """Publish verified files as `owner/name`, tagged with the version. See `registry.push.push`."""
    if is_offline():
        raise PushRefused("Nothing can be published while HF_HUB_OFFLINE is set.")
    manifest, content = hub_content(manifest, files, owner)
    repository = Repository(api(token), f"{owner}/{manifest.name}")
    tags, head = repository.state(private)
    if manifest.version in tags:
        return _published(repository, manifest, content, tags[manifest.version], unchanged=True)
    if head is None:
        head = repository.create(private)
    head = repository.replace(content, head, f"Publish {manifest.ref}", progress) or head
    if not repository.tag(manifest.version, head):
        tags, _ = repository.state(private)
        return _published(repository, manifest, content, tags.get(manifest.version, ""), unchanged=False)
    for name, data in content.items():
        progress(name, len(data), len(data))
    return Pushed(manifest.ref, repository.url(head), head, unchanged=False)


def hub_content(
    manifest: Manifest, files: Mapping[str, bytes], owner: str
) -> tuple[Manifest, dict[str, bytes]]:
    """The manifest and all files as they are published under an owner.

    A generated card is generated again, so that its example names the owner's registry, and the manifest
    lists the new card. A card written by hand is kept. Raises `PushRefused` for a card that the Hub or a
    registry on it cannot use.
    """
    content = dict(files)
    picture = PICTURE_FILE if PICTURE_FILE in content else None
    style = card_style(content[CARD_FILE].decode(), manifest, picture)
    if style is not None:
        card = model_card(manifest, registry=f"{SCHEME}{owner}", picture=picture, **style).encode()
        content[CARD_FILE] = card
        record = FileRecord(hashlib.sha256(card).hexdigest(), len(card))
        manifest = manifest.with_files(manifest.files | {CARD_FILE: record})
    check_hub_card(content[CARD_FILE].decode(), manifest)
    return manifest, content | {MANIFEST_FILE: manifest.to_json().encode()}


def _published(
    repository: Repository, manifest: Manifest, content: Mapping[str, bytes], commit: str, *, unchanged: bool
) -> Pushed:
    """The result for a version that is tagged already; raises `CheckpointExists` if its content differs."""
    if not commit or not has_same_files(repository.files(commit), content):
        raise CheckpointExists(
            f"Another {manifest.ref} is on the Hub already, and versions never change; "
            "give the new one a new version."
        )
    return Pushed(manifest.ref, repository.url(commit), commit, unchanged)
