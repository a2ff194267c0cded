"""From an exported checkpoint to a registry, refused unless everything a reader needs is on it."""

from __future__ import annotations

from pathlib import Path

from registry.folder import open_checkpoint
from registry.manifest import Manifest
from registry.progress import Progress, Pushed
from registry.push import push
from train.errors import TrainError
from train.export.parity import LABELS_EQUAL

UNSTATED = ("", "unknown", "none", "tbd", "not stated")
"""What stands for a licence or a citation where there is none; the last is `prepare`'s."""


def publish(folder: Path, target: str, *, private: bool = False, progress: Progress | None = None) -> Pushed:
    """Send the checkpoint `folder` to `target`, a folder registry or `hf://owner`.

    Raises `TrainError` naming everything that is missing: parity with the trained network,
    metrics, licence or training data; and the registry's errors when it refuses the push.
    """
    missing = shortcomings(open_checkpoint(folder, "").manifest)
    if missing:
        raise TrainError(f"Not published: {'; '.join(missing)}.")
    return push(folder, target, private=private, progress=progress)


def shortcomings(manifest: Manifest) -> list[str]:
    """What keeps a checkpoint from being published; empty when nothing does."""
    parity = manifest.extra.get("parity")
    found = []
    if parity is None:
        found.append("its parity with the trained network was not checked")
    elif parity["labels_equal"] < LABELS_EQUAL:
        found.append(f"its labels equal the trained network's on {parity['labels_equal']:.4%} of pixels only")
    if not _scored(manifest):
        found.append("it has no Dice of the liver and the tumour with the number of scans")
    if manifest.licence.strip().lower() in UNSTATED:
        found.append("its licence is not stated")
    if "metrics.csv" not in manifest.files:
        found.append("it has no metrics.csv with a row for each scan")
    if not manifest.training["datasets"] or not manifest.training["samples_seen"]:
        found.append("its training data are not stated")
    for dataset in manifest.training["datasets"]:
        if any(dataset[key].strip().lower() in UNSTATED for key in ("licence", "citation")):
            found.append(f"the training data {dataset['name']} have no licence or citation")
    return found


def _scored(manifest: Manifest) -> bool:
    """Whether some evaluation has a pooled Dice of both structures, with its n."""
    for entry in manifest.metrics:
        dice = entry["values"].get("dice_global", {})
        records = [dice.get(structure) or {} for structure in ("liver", "tumour")]
        if all(record.get("value") is not None and record.get("n") for record in records):
            return True
    return False
