"""Publishes an exported checkpoint to a registry, after a check that its manifest is complete."""

from __future__ import annotations

import logging
from pathlib import Path

from registry.folder import open_checkpoint
from registry.manifest import Manifest
from registry.progress import Progress, Pushed
from registry.push import push
from train.errors import TrainError
from train.export.parity import LABELS_EQUAL
from train.models.segformer import SEGFORMER_CONFIGS
from train.models.transformers_files import PREPROCESSOR_FILE

_log = logging.getLogger(__name__)

UNSTATED = ("", "unknown", "none", "tbd", "not stated")
"""Texts that stand for a missing licence or citation; `prepare` and `fit` write "not stated"."""


def publish(folder: Path, target: str, *, private: bool = False, progress: Progress | None = None) -> Pushed:
    """Send the checkpoint in `folder` to `target`, a folder registry or `hf://owner`.

    Raises `TrainError` with everything that is missing (parity with the trained network, metrics, licence,
    training data), and `RegistryError` when the registry refuses the push.
    """
    manifest = open_checkpoint(folder, "").manifest
    missing = shortcomings(manifest)
    if missing:
        raise TrainError(f"Not published: {'; '.join(missing)}.")
    if manifest.architecture in SEGFORMER_CONFIGS and PREPROCESSOR_FILE not in manifest.files:
        _log.warning("transformers cannot open %s; `python -m train transformers` adds its layout", folder)
    return push(folder, target, private=private, progress=progress)


def shortcomings(manifest: Manifest) -> list[str]:
    """The reasons why a checkpoint cannot be published; empty for a complete one."""
    parity = manifest.extra.get("parity")
    reasons = []
    if parity is None:
        reasons.append("its parity with the trained network was not checked")
    elif parity["labels_equal"] < LABELS_EQUAL:
        reasons.append(
            f"its labels equal the trained network's on only {parity['labels_equal']:.4%} of pixels"
        )
    if not _has_dice(manifest):
        reasons.append("it has no Dice of the liver and the tumour with the number of scans")
    if manifest.licence.strip().lower() in UNSTATED:
        reasons.append("its licence is not stated")
    if "metrics.csv" not in manifest.files:
        reasons.append("it has no metrics.csv with a row for each scan")
    if not manifest.training["datasets"] or not manifest.training["samples_seen"]:
        reasons.append("its training data are not stated")
    for dataset in manifest.training["datasets"]:
        if any(dataset[key].strip().lower() in UNSTATED for key in ("licence", "citation")):
            reasons.append(f"the training data {dataset['name']} have no licence or citation")
    for weights in manifest.training.get("start_weights", ()):
        if weights.get("licence", "").strip().lower() in UNSTATED:
            reasons.append(
                f"the licence of {weights['name']}, whose weights the training started from, is not stated "
                "(fit --pretrained-licence)"
            )
    return reasons


def _has_dice(manifest: Manifest) -> bool:
    """Whether an evaluation states the pooled Dice of liver and tumour with its n."""
    for entry in manifest.metrics:
        dice = entry["values"].get("dice_global", {})
        records = [dice.get(structure) or {} for structure in ("liver", "tumour")]
        if all(record.get("value") is not None and record.get("n") for record in records):
            return True
    return False
