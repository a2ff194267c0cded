"""Fetch all files of a checkpoint and verify them."""

from __future__ import annotations

from dataclasses import dataclass

from registry.checkpoint import Checkpoint
from registry.errors import CheckpointDamaged
from registry.progress import Progress


@dataclass(frozen=True)
class Pulled:
    """The result of a pull."""

    ref: str  # name@version
    registry: str  # "bundled", a folder's name, or "hf://owner"
    revision: str | None  # full commit hash; None in a folder
    location: str  # the folder on this machine
    fetched: tuple[str, ...]  # the files that were missing or damaged


def pull(checkpoint: Checkpoint, *, progress: Progress | None = None) -> Pulled:
    """Fetch every missing file of a checkpoint, and verify each file against the manifest.

    A checkpoint in a folder is only verified. A damaged file in the cache is fetched again; nothing else in
    the registry does that. Raises `CheckpointDamaged` with the file's name when a file is not the one the
    manifest describes, `HubRefused` or `HubUnreachable` when it cannot be fetched. Files fetched before an
    error are kept.
    """
    fetched = []
    left_out = checkpoint.left_out()
    for name in checkpoint.manifest.files:
        if name in left_out:
            continue
        is_new = checkpoint.source is not None and checkpoint.path(name) is None
        if checkpoint.source is not None and is_new:
            checkpoint.source.provide(checkpoint, name, progress)
        try:
            checkpoint.read_verified(name)
        except CheckpointDamaged:
            if checkpoint.source is None or is_new:
                raise
            checkpoint.source.renew(checkpoint, name, progress)
            checkpoint.read_verified(name)
            is_new = True
        if is_new:
            fetched.append(name)
    checkpoint.read_model()
    return Pulled(
        checkpoint.ref, checkpoint.registry, checkpoint.revision, str(checkpoint.folder), tuple(fetched)
    )
