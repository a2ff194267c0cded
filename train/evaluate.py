"""Evaluation of a checkpoint, and the numbers that go into its manifest.

Protocol: every slice of the split, slices without liver included, at the labels' own resolution;
the liver is label 1 and 2 together, the tumour label 2 (LiTS convention). Pixels are counted per
scan. `dice_global` pools the pixels of all scans; `dice_per_case` is the mean over the scans whose
reference shows the structure. Intervals are 95 % bootstrap intervals over scans.
"""

from __future__ import annotations

import csv
import io
from collections.abc import Sequence
from dataclasses import dataclass

from liverseg.metrics import Counts, dice, dice_global, summary
from train.dataset import SlicesInMemory
from train.scoring import CaseCounts, Predict, count

STRUCTURES = ("liver", "tumour")
THRESHOLDS = (0.2, 0.3, 0.4, 0.5, 0.6, 0.7)
PROTOCOL = (
    "all slices of the split, full resolution, pixels counted per scan; liver = liver and tumour, "
    "global = pooled over scans, per case = mean over scans that show the structure"
)


@dataclass(frozen=True)
class Evaluation:
    """Counts of one checkpoint on one split of one dataset."""

    dataset: str
    split: str
    table: CaseCounts
    slices: int
    note: str = ""  # what a reader must know besides the protocol
    structures: tuple[str, ...] = STRUCTURES  # what the dataset's labels can score

    def entry(self) -> dict:
        """One entry of the manifest's `metrics`."""
        values: dict[str, dict] = {
            "dice_global": {},
            "dice_per_case": {},
            "precision_global": {},
            "recall_global": {},
        }
        summaries = {s: summary([case[s] for case in self.table.values()]) for s in self.structures}
        for structure, numbers in summaries.items():
            for metric, of in values.items():
                n = numbers["cases_with_reference"] if metric == "dice_per_case" else numbers["cases"]
                of[structure] = {"value": _rounded(numbers[metric]), "n": n}
                interval = numbers.get(f"{metric}_interval")
                if interval:
                    of[structure]["interval_95"] = [_rounded(v) for v in interval]
        tumour = summaries["tumour"]
        if tumour["cases_without_reference"]:
            values["tumour_free_scans"] = {
                "tumour": {
                    "value": tumour["clean_cases_without_reference"],
                    "n": tumour["cases_without_reference"],
                    "false_positive_px": tumour["false_positive_pixels_without_reference"],
                }
            }
        protocol = f"{PROTOCOL}; {self.slices} slices" + (f"; {self.note}" if self.note else "")
        return {"dataset": self.dataset, "split": self.split, "protocol": protocol, "values": values}

    def csv(self) -> str:
        """A row a scan: counts and Dice of both structures."""
        text = io.StringIO()
        writer = csv.writer(text, lineterminator="\n")
        columns = [f"{s}_{c}" for s in STRUCTURES for c in ("tp", "fp", "fn", "dice")]
        writer.writerow(["dataset", "split", "scan", *columns])
        for scan, case in sorted(self.table.items(), key=lambda item: (len(item[0]), item[0])):
            cells = [_cells(case[s]) if s in self.structures else [""] * 4 for s in STRUCTURES]
            writer.writerow([self.dataset, self.split, scan, *sum(cells, [])])
        return text.getvalue()


def evaluate(
    slices: SlicesInMemory,
    split: str,
    predict: Predict,
    context_slices: int,
    threshold: float,
    context: bool = True,
    note: str = "",
) -> Evaluation:
    """Count every slice at one tumour threshold; `context` False hides the neighbouring slices."""
    table = count(slices, predict, context_slices, [threshold], context)[threshold]
    structures = STRUCTURES if slices.tells_liver else ("tumour",)
    return Evaluation(slices.name, split, table, len(slices.rows), note, structures)


def best_threshold(
    slices: SlicesInMemory, predict: Predict, context_slices: int, thresholds: Sequence[float] = THRESHOLDS
) -> float:
    """The tumour threshold with the highest pooled tumour Dice on these slices."""
    tables = count(slices, predict, context_slices, thresholds)
    return max(tables, key=lambda t: dice_global([case["tumour"] for case in tables[t].values()]))


def _cells(counts: Counts) -> list[int | str]:
    value = dice(counts)
    return [counts.tp, counts.fp, counts.fn, "" if value != value else f"{value:.4f}"]


def _rounded(value: float | None) -> float | None:
    return None if value is None else round(value, 4)
