"""Publish a checkpoint to a registry: a folder, or an owner on the Hugging Face Hub."""

from __future__ import annotations

import os
import re
from pathlib import Path

from registry.checkpoint import Checkpoint
from registry.errors import CheckpointDamaged, CheckpointExists, PushRefused
from registry.folder import MANIFEST_FILE, FolderRegistry, newest_match, open_checkpoint
from registry.hub.client import owner_of
from registry.progress import Progress, Pushed, no_progress
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
    """Publish the checkpoint in `folder` to `target`, a registry's folder or `hf://owner`.

    The checkpoint is verified first (`registry.verify`). It is published completely or not at all: a folder
    is moved into place in one step; on the Hub all files go into one commit, and the version's tag, which is
    what readers look for, is set after it. Pushing the same content again does nothing. An interrupted push
    can be repeated.

    `token` is for the Hub, by default `HF_TOKEN` or the token of `hf auth login`. With `private`, a new
    repository is created private, and the push is refused where a public one exists.

    Raises `CheckpointDamaged` or `ManifestInvalid` when the folder does not hold a sound checkpoint,
    `CheckpointExists` when the target holds other content under this version, `UnsupportedRegistry` or
    `PushRefused` when the target cannot be published to, `HubRefused` or `HubUnreachable` for errors of the
    Hub.
    """
    owner = owner_of(target)
    if owner is None and re.match(r"[A-Za-z][A-Za-z0-9+.-]*://", target):
        raise PushRefused(f"A target is a folder or hf://owner, not {one_line(target, 60)}.")
    checkpoint, files = _read_verified(Path(folder))
    report = progress or no_progress
    if owner is None:
        return _push_to_folder(checkpoint, files, Path(os.path.expanduser(target)), report)
    from registry.hub.push import push_to_hub

    return push_to_hub(checkpoint.manifest, files, owner, token=token, private=private, progress=report)


def _read_verified(folder: Path) -> tuple[Checkpoint, dict[str, bytes]]:
    """The checkpoint and the verified bytes of its files."""
    checkpoint = open_checkpoint(folder, folder.name)
    for result in verify(checkpoint):
        if not result.ok:
            raise CheckpointDamaged(f"{checkpoint.ref} is not published: {result.detail}")
    return checkpoint, {name: checkpoint.read_verified(name) for name in checkpoint.manifest.files}


def _push_to_folder(
    checkpoint: Checkpoint, files: dict[str, bytes], target: Path, progress: Progress
) -> Pushed:
    """Write the checkpoint to `target/name/version`, unless the registry holds it in another folder."""
    manifest = checkpoint.manifest
    if (target / MANIFEST_FILE).exists():
        raise PushRefused("The target is itself a checkpoint; name the folder that holds checkpoints.")
    destination = target / manifest.name / manifest.version
    if (target / manifest.name / MANIFEST_FILE).exists():  # a registry does not look inside a checkpoint
        destination = target / manifest.ref
    existing = None
    if target.exists():
        existing = newest_match(FolderRegistry(target, target.name).list().checkpoints, checkpoint.reference)
    if existing is not None:
        destination = existing.folder
        if existing.manifest != manifest:
            raise CheckpointExists(
                f"Another {checkpoint.ref} is in this registry already, and versions never change; "
                "give the new one a new version."
            )
    try:
        write_checkpoint(destination, manifest, files)
    except OSError:
        raise PushRefused(f"The folder {one_line(target.name, 60)} cannot be written to.") from None
    for name, record in manifest.files.items():
        progress(name, record.bytes, record.bytes)
    return Pushed(checkpoint.ref, str(destination), None, unchanged=existing is not None)
