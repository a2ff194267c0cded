"""Folds for cross-validation: whole scans, undivided groups, balanced sizes, determined by a seed."""

from __future__ import annotations

import csv
from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace

import numpy as np

from train.data.dataset import DatasetFolder
from train.errors import TrainError

LITS_SHARED_PATIENTS = frozenset(str(number) for number in range(7, 13))
"""LiTS scans that may show the same patients. They form one group."""

LITS_GROUP = "lits-7-12"
"""Name of the group of `LITS_SHARED_PATIENTS`."""

FOLDS_SEED = 0
"""Fixed, so that all runs of one cross-validation use the same folds, whatever the seed of the run."""


@dataclass(frozen=True)
class ScanInfo:
    """The properties of a scan that decide its fold."""

    scan: str
    group: str  # scans of one group go to the same fold
    split: str  # in the dataset: "train", "val", …
    tumour_px: int


def group_of(about: dict, scan: str) -> str:
    """The group of a scan; `about` is the content of the dataset's `dataset.json`.

    An entry of `groups` (scan -> group) in `about` comes first. In a dataset whose name starts with
    "lits", scans 7 to 12 are one group. Any other scan is a group of its own.

    >>> group_of({"name": "lits-26"}, "7") == group_of({"name": "lits-26"}, "12")
    True
    >>> group_of({"name": "phantoms"}, "7"), group_of({"name": "x", "groups": {"7": "a"}}, "7")
    ('7', 'a')
    """
    groups = about.get("groups") or {}
    if scan in groups:
        return str(groups[scan])
    is_lits = str(about.get("name", "")).lower().startswith("lits")
    return LITS_GROUP if is_lits and scan in LITS_SHARED_PATIENTS else scan


def scan_infos(folder: DatasetFolder) -> list[ScanInfo]:
    """One entry for each scan of a dataset, in the order of `slices.csv`."""
    splits: dict[str, str] = {}
    pixels: dict[str, int] = defaultdict(int)
    for row in folder.rows:
        splits.setdefault(row.scan, row.split)
        pixels[row.scan] += row.tumour_px
    return [ScanInfo(scan, group_of(folder.about, scan), splits[scan], pixels[scan]) for scan in splits]


def dataset_folds(folder: DatasetFolder, count: int, groups: str | None = None) -> list[set[str]]:
    """The folds of a dataset that `fit` and `crossvalidate` use; fold 0 is the dataset's val split.

    `groups` is the path of a CSV file with the columns scan and group. It overrides the dataset's own
    groups. Raises `TrainError` as `make_folds` does, and if the file is not such a table.
    """
    overrides = _read_groups(groups) if groups else {}
    scans = [replace(info, group=overrides.get(info.scan, info.group)) for info in scan_infos(folder)]
    return make_folds(scans, count, FOLDS_SEED, keep_val=True)


def make_folds(
    scans: Sequence[ScanInfo], count: int, seed: int = 0, keep_val: bool = False
) -> list[set[str]]:
    """`count` disjoint sets of scans whose union is train and val; scans of other splits are ignored.

    Groups are never divided. Each group goes to the fold with the fewest scans; a tie goes to the fold
    with the fewest tumour pixels. Large groups are placed first, then those with many tumour pixels.
    The seed shuffles runs of `count` groups in that order. With `keep_val`, fold 0 is exactly the val
    split, and the train scans form the other folds.

    Raises `TrainError` for fewer than two folds or fewer groups than folds. With `keep_val` it is also
    raised if there is no val split, or if a group has scans in both train and val.

    >>> scans = [ScanInfo(str(n), str(n), "train", 10 * n) for n in range(4)]
    >>> [sorted(fold) for fold in make_folds(scans, 2, seed=0)]
    [['0', '3'], ['1', '2']]
    >>> make_folds([*scans, ScanInfo("9", "9", "val", 5)], 2, keep_val=True)[0]
    {'9'}
    """
    if count < 2:
        raise TrainError(f"Cross-validation needs at least two folds, not {count}.")
    used = [scan for scan in scans if scan.split in ("train", "val")]
    if not keep_val:
        return _balanced(_groups(used), count, seed)
    val = [scan for scan in used if scan.split == "val"]
    train = [scan for scan in used if scan.split == "train"]
    if not val:
        raise TrainError("There is no val split to keep as the first fold.")
    shared = {scan.group for scan in val} & {scan.group for scan in train}
    if shared:
        raise TrainError(f"The val split cannot be kept as a fold: train shares the group {min(shared)}.")
    return [{scan.scan for scan in val}, *_balanced(_groups(train), count - 1, seed)]


def _groups(scans: Iterable[ScanInfo]) -> list[list[ScanInfo]]:
    """The members of each group."""
    members: dict[str, list[ScanInfo]] = defaultdict(list)
    for scan in sorted(scans, key=lambda scan: scan.scan):
        members[scan.group].append(scan)
    return list(members.values())


def _balanced(groups: list[list[ScanInfo]], count: int, seed: int) -> list[set[str]]:
    """Folds of whole groups, filled as `make_folds` describes."""
    if len(groups) < count:
        raise TrainError(f"{len(groups)} groups of scans cannot make {count} folds.")
    tumour = [sum(scan.tumour_px for scan in group) for group in groups]
    order = sorted(range(len(groups)), key=lambda g: (-len(groups[g]), -tumour[g], groups[g][0].scan))
    rng = np.random.default_rng(seed)
    folds: list[set[str]] = [set() for _ in range(count)]
    pixels = [0] * count
    for first in range(0, len(order), count):
        # The stable sort keeps the shuffle among groups of equal size only: large groups must come first.
        shuffled = rng.permutation(order[first : first + count])
        for g in sorted((int(g) for g in shuffled), key=lambda g: -len(groups[g])):
            fold = min(range(count), key=lambda f: (len(folds[f]), pixels[f], f))
            folds[fold] |= {scan.scan for scan in groups[g]}
            pixels[fold] += tumour[g]
    return folds


def _read_groups(path: str) -> dict[str, str]:
    """Scan -> group."""
    try:
        with open(path, newline="", encoding="utf-8") as lines:
            return {row["scan"]: row["group"] for row in csv.DictReader(lines)}
    except (OSError, KeyError, UnicodeDecodeError) as error:
        raise TrainError(f"{path} is not a CSV file with the columns scan and group.") from error
