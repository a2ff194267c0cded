"""Pseudo-labels for datasets whose labels do not tell liver from tumour.

Several networks divide the pixels of the joint label "liver or tumour": where their mean probability is sure
enough the pixel becomes liver or tumour, and elsewhere it keeps the joint label, which is trained with the
summed probability of both. Everything else about the dataset stays as it is.
"""

from __future__ import annotations

import csv
import io
import json
import os
import shutil
from collections.abc import Callable, Iterator, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

import cv2
import numpy as np

from registry.files import temporary_folder, write_atomically
from train.data.dataset import LIVER_BIT, ORGAN_BITS, TUMOUR_BIT, DatasetFolder
from train.errors import TrainError
from train.evaluation.models import Model
from train.evaluation.predict import slice_probabilities
from train.evaluation.scans import ScanSlices, scan_names, scans_of

SURE = 0.8
"""Default probability from which a pixel of the joint label is decided."""

LIKELY_ORGAN = 0.5
"""Smallest probability of liver and tumour together with which a pixel may become liver."""


@dataclass
class Decided:
    """Pixels of the joint label, by what they became."""

    liver_px: int = 0
    tumour_px: int = 0
    undecided_px: int = 0

    def add(self, bits: np.ndarray, divided: np.ndarray) -> None:
        """Count a slice by its label bits before and after."""
        joint = divided[bits == ORGAN_BITS]
        self.liver_px += int((joint == LIVER_BIT).sum())
        self.tumour_px += int((joint == TUMOUR_BIT).sum())
        self.undecided_px += int((joint == ORGAN_BITS).sum())


@dataclass(frozen=True)
class LabelValues:
    """The label values of a dataset by class, extended by values for liver and tumour."""

    by_value: dict[str, list[str]]  # `label_values` of `dataset.json`
    liver: int
    tumour: int


def divide(bits: np.ndarray, organ: np.ndarray, tumour: np.ndarray, sure: float = SURE) -> np.ndarray:
    """Label bits (H, W) whose joint pixels are divided by probabilities (H, W) of organ and of tumour.

    A pixel that may be liver or tumour becomes tumour where the tumour probability is at least `sure`, and
    liver where it is at most 1 - `sure` and the organ probability at least `LIKELY_ORGAN`. The second
    condition leaves out what the networks take for background, as a necrotic tumour. `organ` is the
    probability of liver and tumour together.

    >>> joint = np.full(4, ORGAN_BITS, np.uint8)
    >>> divide(joint, np.array([0.9, 0.9, 0.9, 0.2]), np.array([0.8, 0.5, 0.1, 0.1])).tolist()
    [4, 6, 2, 6]
    """
    joint = bits == ORGAN_BITS
    divided = bits.copy()
    divided[joint & (tumour >= sure)] = TUMOUR_BIT
    divided[joint & (tumour <= 1 - sure) & (organ >= LIKELY_ORGAN)] = LIVER_BIT
    return divided


def extended_values(label_values: dict[str, list[str]], present: set[int]) -> LabelValues:
    """Label values with one for liver and one for tumour; `present` are the values in the label pictures.

    A class that has no value of its own gets the smallest that is neither listed nor present.

    >>> values = extended_values({"0": ["background"], "1": ["liver", "tumour"]}, {0, 1, 2})
    >>> values.liver, values.tumour, values.by_value["3"]
    (3, 4, ['liver'])
    """
    values, chosen = {value: list(classes) for value, classes in label_values.items()}, []
    for name in ("liver", "tumour"):
        own = [int(value) for value, classes in values.items() if classes == [name]]
        free = next((n for n in range(256) if n not in present and str(n) not in values), None)
        if not own and free is None:
            raise TrainError("The label pictures leave no value for liver and tumour.")
        chosen.append(own[0] if own else int(free or 0))
        values[str(chosen[-1])] = [name]
    return LabelValues(values, *chosen)


def write_pseudo_labels(
    folder: DatasetFolder,
    models: Sequence[Model],
    out: Path,
    sure: float = SURE,
    context: bool = True,
    progress: Callable[[Iterator[ScanSlices], int], Iterator[ScanSlices]] = lambda scans, total: scans,
) -> Decided:
    """Write the dataset `out`: that of `folder` with its joint labels divided by the mean of `models`.

    Pictures are hard links to those of `folder`, or copies on another disk. Without `context` the
    neighbouring slices are hidden from the networks. `out` appears when it is complete. Raises `TrainError`
    if `out` already has content, the dataset has no joint label, or a file cannot be read or written.
    """
    bits_of = folder.label_bits
    if not any(bits_of[int(value)] == ORGAN_BITS for value in folder.about["label_values"]):
        raise TrainError(f'{folder.name} has no label "liver or tumour" to divide.')
    present = {int(v) for row in folder.rows for v in np.unique(_read_label(folder, row.name))}
    values = extended_values(folder.about["label_values"], present)
    counts: dict[str, dict[str, int]] = {}
    total = Decided()
    try:
        if out.exists() and (not out.is_dir() or any(out.iterdir())):
            raise TrainError(f"{out} already exists; choose another folder.")
        out.parent.mkdir(parents=True, exist_ok=True)
        with temporary_folder(out.parent, f".{out.name}-") as partial:
            (partial / "images").mkdir()
            (partial / "labels").mkdir()
            for scan in progress(scans_of(folder, None), len(scan_names(folder))):
                for position in scan.positions:
                    name, bits = scan.slices.rows[position].name, scan.slices.labels[position]
                    divided = bits
                    if (bits == ORGAN_BITS).any():
                        divided = divide(bits, *_mean_probabilities(scan, position, models, context), sure)
                    counts[name] = _class_counts(divided)
                    total.add(bits, divided)
                    label = _read_label(folder, name)
                    label[(bits != divided) & (divided == LIVER_BIT)] = values.liver
                    label[(bits != divided) & (divided == TUMOUR_BIT)] = values.tumour
                    (partial / "labels" / f"{name}.png").write_bytes(cv2.imencode(".png", label)[1].tobytes())
                    _link_picture(folder.folder / "images", name, partial / "images")
            about = _description(folder, models, values, total, sure)
            write_atomically(partial / "dataset.json", about.encode())
            write_atomically(partial / "slices.csv", _slices_csv(folder, counts).encode())
            os.replace(partial, out)
    except OSError as error:
        raise TrainError(f"{out} cannot be written: {error.strerror}.") from error
    return total


def _mean_probabilities(
    scan: ScanSlices, position: int, models: Sequence[Model], context: bool
) -> tuple[np.ndarray, np.ndarray]:
    """The mean organ and the mean tumour probability of the networks, (H, W) each."""
    found = [
        slice_probabilities(scan.slices, position, model.predict, model.context_slices, context)
        for model in models
    ]
    return np.mean([organ for organ, _ in found], axis=0), np.mean([tumour for _, tumour in found], axis=0)


def _class_counts(bits: np.ndarray) -> dict[str, int]:
    """The columns of `slices.csv` that count pixels."""
    return {
        "liver_px": int((bits == LIVER_BIT).sum()),
        "tumour_px": int((bits == TUMOUR_BIT).sum()),
        "undecided_px": int((bits == ORGAN_BITS).sum()),
    }


def _description(
    folder: DatasetFolder, models: Sequence[Model], values: LabelValues, total: Decided, sure: float
) -> str:
    """The text of the new `dataset.json`."""
    networks = [{"name": model.name, "sha256": model.about.get("sha256")} for model in models]
    about = {**folder.about, "name": f"{folder.name}-pseudo", "label_values": values.by_value}
    about["pseudo_labels"] = {"of": folder.name, "networks": networks, "sure": sure, **asdict(total)}
    return json.dumps(about, indent=2, ensure_ascii=False) + "\n"


def _slices_csv(folder: DatasetFolder, counts: dict[str, dict[str, int]]) -> str:
    """The text of `slices.csv` with new pixel counts; all other columns are kept."""
    with (folder.folder / "slices.csv").open(newline="", encoding="utf-8") as lines:
        rows = [{**row, **counts[row["slice"]]} for row in csv.DictReader(lines)]
    text = io.StringIO()
    writer = csv.DictWriter(text, list(rows[0]), lineterminator="\n")
    writer.writeheader()
    writer.writerows(rows)
    return text.getvalue()


def _read_label(folder: DatasetFolder, name: str) -> np.ndarray:
    path = folder.folder / "labels" / f"{name}.png"
    label = cv2.imread(str(path), cv2.IMREAD_GRAYSCALE)
    if label is None:
        raise TrainError(f"{path} cannot be read.")
    return label


def _link_picture(images: Path, name: str, target: Path) -> None:
    """Link the picture of a slice into the folder `target`, or copy it where links are not possible."""
    source = next(path for suffix in (".png", ".jpg") if (path := images / f"{name}{suffix}").exists())
    try:
        os.link(source.resolve(), target / source.name)
    except OSError:
        shutil.copyfile(source, target / source.name)
