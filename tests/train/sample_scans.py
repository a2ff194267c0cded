"""Datasets of small squares for the tests of evaluation, and a predictor that reads their labels."""

from __future__ import annotations

import csv
import json
from pathlib import Path

import cv2
import numpy as np
import torch

from liverseg.core.window import Window
from train.evaluation.graph_segmenter import graph_segmenter, input_spec

SHAPE = (64, 64)
LABEL_VALUES = {"0": ["background"], "1": ["liver"], "2": ["tumour"]}
GREYS = {0: 20, 1: 120, 2: 60}
"""The grey value of each label in the images."""


def box(rows: tuple[int, int], columns: tuple[int, int], label: int, labels: np.ndarray | None = None):
    """Labels (64, 64) with a rectangle of one value, drawn over `labels` or over background."""
    labels = np.zeros(SHAPE, np.uint8) if labels is None else labels.copy()
    labels[slice(*rows), slice(*columns)] = label
    return labels


LIVER = box((10, 50), (8, 48), 1)
LARGE = box((20, 44), (14, 38), 2, LIVER)
SMALL = box((30, 36), (20, 26), 2, LIVER)

EMPTY = np.zeros(SHAPE, np.uint8)

SCANS = {
    "1": {"split": "val", "slices": dict.fromkeys(range(4), LARGE)},
    "2": {"split": "val", "slices": {0: SMALL, 3: box((40, 46), (30, 40), 2, SMALL)}},
    "3": {"split": "val", "slices": {0: LIVER, 1: EMPTY}},
    "4": {"split": "train", "slices": {0: LARGE, 1: LIVER}},
    "5": {"split": "train", "slices": {0: SMALL}},
}


def write_dataset(
    folder: Path, scans: dict[str, dict], spacing=None, label_values=None, name="squares"
) -> Path:
    """A dataset folder; `scans` maps a name to {"split": name, "slices": {index: labels}}."""
    (folder / "images").mkdir(parents=True)
    (folder / "labels").mkdir()
    rows = []
    for scan, about in scans.items():
        for index, labels in about["slices"].items():
            slice_name = f"{scan}_{index:03d}"
            grey = np.vectorize(GREYS.get)(labels).astype(np.uint8)
            cv2.imwrite(str(folder / "images" / f"{slice_name}.png"), grey)
            cv2.imwrite(str(folder / "labels" / f"{slice_name}.png"), labels)
            tumour_px = int((labels == 2).sum())
            rows.append((slice_name, scan, index, about["split"], int((labels == 1).sum()), tumour_px))
    with (folder / "slices.csv").open("w", newline="") as lines:
        writer = csv.writer(lines)
        writer.writerow(["slice", "scan", "index", "split", "liver_px", "tumour_px"])
        writer.writerows(rows)
    about = {
        "name": name,
        "classes": ["background", "liver", "tumour"],
        "label_values": label_values or LABEL_VALUES,
        "intensity": {"kind": "window", "center_hu": 40, "width_hu": 400, "bits": 8},
        "spacing_mm": spacing,
        "licence": "made in a test",
        "citation": "made in a test",
    }
    (folder / "dataset.json").write_text(json.dumps(about))
    return folder


def label_reading_network(sure: float = 1.0, blind_to=()):
    """A predictor that recovers the classes from the grey values of `write_dataset`.

    `sure` is the probability of the class; classes in `blind_to` are predicted as liver.
    """
    hus = {label: -160 + 400 * grey / 255 for label, grey in GREYS.items()}

    def predict(hu: np.ndarray) -> np.ndarray:
        middle = hu[:, hu.shape[1] // 2]
        nearest = np.argmin([np.abs(middle - hus[label]) for label in range(3)], axis=0)
        for label in blind_to:
            nearest[nearest == label] = 1
        rest = (1 - sure) / 2
        return np.stack([np.where(nearest == c, sure, rest) for c in range(3)], axis=1).astype(np.float32)

    return predict


class LabelReader(torch.nn.Module):
    """`label_reading_network` as a checkpoint graph whose working size can be set but has no effect."""

    def __init__(self, predict=None):
        super().__init__()
        self.predict, self.working_size = predict or label_reading_network(0.9), 64

    def forward(self, hu: torch.Tensor) -> torch.Tensor:
        return torch.from_numpy(self.predict(hu.numpy()))


def reading_segmenter(predict=None, rules=None, context_slices=1):
    """The segmenter that users get, around a predictor such as `label_reading_network`."""
    spec = input_spec([Window(40, 400)], 64, context_slices)
    return graph_segmenter("reader", LabelReader(predict), spec, rules)
