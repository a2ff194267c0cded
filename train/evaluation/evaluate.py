"""Evaluation of a checkpoint for its manifest.

In slice mode all slices of the split count, including those without liver, at the resolution of the labels.
The liver is label 1 and 2 together, the tumour is label 2 (LiTS convention). Pixels are counted per scan.
`dice_global` pools the pixels of all scans; `dice_per_case` is the mean over the scans whose reference shows
the structure. Intervals are 95 % bootstrap intervals over scans. Volume mode is described in
`protocol.TEXTS`. `train.evaluation` computes further metrics.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from liverseg.analysis.metrics import dice_global
from train.data.dataset import SlicesInMemory
from train.evaluation.models import Model
from train.evaluation.modes import score_in_mode
from train.evaluation.predict import Predict, count_pixels
from train.evaluation.protocol import MODES, PROTOCOL, SPACES, THRESHOLDS, VOLUME_PROTOCOL, Protocol
from train.evaluation.record import evaluation_numbers
from train.evaluation.scan_image import not_a_volume
from train.evaluation.scans import LoadedSplit
from train.evaluation.scores import ScanScore
from train.evaluation.tables import csv_table

ENTRY_METRICS = (
    "dice_global",
    "dice_per_case",
    "precision_global",
    "recall_global",
    "specificity_global",
    "voe",
    "rvd",
    *(f"{measure}_{space}" for measure in ("assd", "hd95", "surface_dice") for space in SPACES),
    "lesion_recall",
    "lesion_precision",
    "lesion_f1",
    "lesion_recall_any_overlap",
    "lesion_precision_any_overlap",
    "false_lesions_per_scan",
    "candidate_recall_any_overlap",
    "candidate_precision_any_overlap",
    "false_candidates_per_scan",
    "burden_rmse",
    "brier_in_liver",
    "ece_in_liver",
    "clean_slices",
    "liver_free_slices",
)
"""The metrics of a manifest entry, in its order; those that are undefined for the scans are left out."""

_ALWAYS_LISTED = ENTRY_METRICS[:4]


@dataclass(frozen=True)
class Evaluation:
    """The scores of one checkpoint on one split of one dataset."""

    dataset: str
    split: str
    scores: tuple[ScanScore, ...]
    note: str = ""  # added to the protocol in the manifest
    mode: str = "slice"  # one of `protocol.MODES`

    @property
    def slices(self) -> int:
        """The number of slices of all scans."""
        return sum(score.slices for score in self.scores)

    def entry(self) -> dict:
        """One entry of the manifest's `metrics`."""
        numbers = evaluation_numbers(self.scores, seed=0)
        summary, values = numbers["summary"], {}
        for metric in ENTRY_METRICS:
            by_structure = {
                name: _rounded(summary[name][metric]) for name in summary if metric in summary[name]
            }
            if metric in _ALWAYS_LISTED or any(item["value"] is not None for item in by_structure.values()):
                values[metric] = by_structure
        if values.get("liver_free_slices"):
            counts = numbers["liver_free_slices"]
            extra = {key: counts[key] for key in ("with_false_liver", "false_positive_px")}
            values["liver_free_slices"]["liver"] |= extra
        cases = numbers["cases"]["tumour"]
        tumour_free = cases["both_empty"] + cases["reference_empty"]
        if tumour_free:
            values["tumour_free_scans"] = {
                "tumour": {
                    "value": cases["both_empty"],
                    "n": tumour_free,
                    "false_positive_px": cases["false_positive_px"],
                }
            }
        return {
            "dataset": self.dataset,
            "split": self.split,
            "protocol": self._protocol(),
            "mode": self.mode,
            "values": values,
        }

    def _protocol(self) -> str:
        """The sentence in the manifest that names the mode and defines the numbers."""
        parts = [VOLUME_PROTOCOL] if self.mode == "volume" else [PROTOCOL, MODES["slice"]]
        parts.append(f"{self.slices} slices")
        others = sum(score.mode != self.mode for score in self.scores)
        if others:
            parts.append(f"{others} scans are no volume and scored slice by slice")
        return "; ".join(parts + ([self.note] if self.note else []))

    def csv(self) -> str:
        """The content of `metrics.csv`: one row per scan."""
        return csv_table(self.scores)


def evaluate(split: LoadedSplit, model: Model, protocol: Protocol, note: str = "") -> Evaluation:
    """Score every scan of a split in the protocol's mode; `note` is added to the protocol in the manifest."""
    scores = tuple(score_in_mode(scan, model, protocol) for scan in split.scans())
    return Evaluation(split.slices.name, split.name, scores, note, protocol.mode)


def has_volumes(split: LoadedSplit) -> bool:
    """Whether the slices of some scan can be segmented together."""
    return not all(not_a_volume(scan) for scan in split.scans())


def best_threshold(
    slices: SlicesInMemory, predict: Predict, context_slices: int, thresholds: Sequence[float] = THRESHOLDS
) -> float:
    """The tumour threshold with the highest pooled tumour Dice on the slices."""
    tables = count_pixels(slices, predict, context_slices, thresholds)
    return max(tables, key=lambda t: dice_global([case["tumour"] for case in tables[t].values()]))


def _rounded(entry: dict) -> dict:
    """The value, n and interval of an entry, rounded to four decimals."""
    short = {"value": _round(entry["value"]), "n": entry["n"]}
    if "interval_95" in entry:
        short["interval_95"] = [_round(end) for end in entry["interval_95"]]
    return short


def _round(value: float | None) -> float | None:
    return None if value is None else round(value, 4)
