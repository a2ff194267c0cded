"""Publish a checkpoint to a registry: a folder, or an owner on the Hugging Face Hub."""

from __future__ import annotations

import os
import re
from pathlib import Path

from registry.checkpoint import Checkpoint
from registry.errors import CheckpointDamaged, CheckpointExists, PushRefused
from registry.folder import MANIFEST_FILE, FolderRegistry, matching, open_checkpoint
from registry.hub.client import owner_of
from registry.progress import Progress, Pushed
from registry.text import one_line
from registry.verify import verify
from registry.write_checkpoint import write_checkpoint


def push(
    folder: Path | str,
    target: str,
    *,
    token: str | None = None,
    private: bool = False,
    progress: Progress | None = None,
) -> Pushed:
    """Publishes the checkpoint in `folder` to `target`, a registry's folder or `hf://owner`.

    Everything is verified first (`registry.verify`). The checkpoint is there whole or not at all: a folder is
    moved into place in one step; on the Hub all files go into one commit and the version's tag follows, and
    readers look at tags alone. Pushing the same content again does nothing. A push that broke off may be
    repeated and goes on.

    `token` is for the Hub, by default `HF_TOKEN` or that of `hf auth login`. `private` makes a repository
    that has to be created private; where it exists and is public, the push is refused.

    Raises `CheckpointDamaged` or `ManifestInvalid` for a folder that is no sound checkpoint,
    `CheckpointExists` for other content under a version that is there, `UnsupportedRegistry` or
    `PushRefused` for a target that is none, `HubRefused` or `HubUnreachable` for what the Hub does.
    """
    owner = owner_of(target)
    if owner is None and re.match(r"[A-Za-z][A-Za-z0-9+.-]*://", target):
        raise PushRefused(f"A target is a folder or hf://owner, not {one_line(target, 60)}.")
    checkpoint, files = _sound(Path(folder))
    report = progress or _silent
    if owner is None:
        return _push_to_folder(checkpoint, files, Path(os.path.expanduser(target)), report)
    from registry.hub.push import push_to_hub

    return push_to_hub(checkpoint.manifest, files, owner, token=token, private=private, progress=report)


def _sound(folder: Path) -> tuple[Checkpoint, dict[str, bytes]]:
    """The checkpoint, and its files' bytes as they were verified."""
    checkpoint = open_checkpoint(folder, folder.name)
    for result in verify(checkpoint):
        if not result.ok:
            raise CheckpointDamaged(f"{checkpoint.ref} is not published: {result.detail}")
    return checkpoint, {name: checkpoint.read_verified(name) for name in checkpoint.manifest.files}


def _push_to_folder(
    checkpoint: Checkpoint, files: dict[str, bytes], target: Path, progress: Progress
) -> Pushed:
    """Into `target/name/version`, unless a folder of the registry holds this name and version already."""
    manifest = checkpoint.manifest
    if (target / MANIFEST_FILE).exists():
        raise PushRefused("The target is itself a checkpoint; name the folder that holds checkpoints.")
    place = target / manifest.name / manifest.version
    if (target / manifest.name / MANIFEST_FILE).exists():  # folders inside a checkpoint are not looked into
        place = target / manifest.ref
    there = None
    if target.exists():
        there = matching(FolderRegistry(target, target.name).list().checkpoints, checkpoint.reference)
    if there is not None:
        place = there.folder
        if there.manifest != manifest:
            raise CheckpointExists(
                f"Another {checkpoint.ref} is in this registry already, and versions never change; "
                "give the new one a new version."
            )
    try:
        write_checkpoint(place, manifest, files)
    except OSError:
        raise PushRefused(f"The folder {one_line(target.name, 60)} cannot be written to.") from None
    for name, record in manifest.files.items():
        progress(name, record.bytes, record.bytes)
    return Pushed(checkpoint.ref, str(place), None, unchanged=there is not None)


def _silent(name: str, done: int, total: int) -> None:
    """Progress that nobody watches."""
