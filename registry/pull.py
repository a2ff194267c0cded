"""Fetch a checkpoint with all its files, and check them."""

from __future__ import annotations

from dataclasses import dataclass

from registry.checkpoint import Checkpoint
from registry.errors import CheckpointDamaged
from registry.progress import Progress


@dataclass(frozen=True)
class Pulled:
    """What became of a pull."""

    ref: str  # name@version
    registry: str  # as results quote it
    revision: str | None  # full commit hash; None in a folder
    location: str  # the folder on this machine
    fetched: tuple[str, ...]  # the files that were not there, or were damaged


def pull(checkpoint: Checkpoint, *, progress: Progress | None = None) -> Pulled:
    """Makes every file of a checkpoint present on this machine, and checks each against the manifest.

    A checkpoint of a folder is checked only. A stored file that is damaged is fetched again, here and
    nowhere else. Raises `CheckpointDamaged` with the file's name when it is not what the manifest
    describes, `HubRefused` or `HubUnreachable` when it cannot be fetched; what was fetched until then
    stays, and is not fetched again.
    """
    fetched = []
    for name in checkpoint.manifest.files:
        is_new = checkpoint.source is not None and not (checkpoint.folder / name).exists()
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
