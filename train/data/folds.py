"""Folds for cross-validation: by scan, groups kept together, balanced, the same for a seed everywhere."""

from __future__ import annotations

import csv
from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace

import numpy as np

from train.data.dataset import DatasetFolder
from train.errors import TrainError

LITS_SHARED_PATIENTS = frozenset(str(number) for number in range(7, 13))
"""LiTS scans that may be of the same patients; they are one group."""

LITS_GROUP = "lits-7-12"

FOLDS_SEED = 0
"""The folds are the same whatever the seed of a run: runs of one cross-validation must agree on them."""


@dataclass(frozen=True)
class ScanInfo:
    """What a scan counts for when folds are made."""

    scan: str
    group: str  # scans of one group stay together
    split: str  # of the dataset: "train", "val", …
    tumour_px: int


def group_of(about: dict, scan: str) -> str:
    """The group of a scan of the dataset that `about` (its `dataset.json`) describes.

    `groups` (scan -> group) decides where it names the scan; in a dataset whose name starts with
    "lits", scans 7 to 12 are one group; any other scan is its own.

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
    """One entry a scan of a dataset, in the order of `slices.csv`."""
    splits: dict[str, str] = {}
    pixels: dict[str, int] = defaultdict(int)
    for row in folder.rows:
        splits.setdefault(row.scan, row.split)
        pixels[row.scan] += row.tumour_px
    return [ScanInfo(scan, group_of(folder.about, scan), splits[scan], pixels[scan]) for scan in splits]


def dataset_folds(folder: DatasetFolder, count: int, groups: str | None = None) -> list[set[str]]:
    """The folds of a dataset as `fit` and `crossvalidate` deal them out; fold 0 is its own val split.

    `groups` is a CSV file with the columns scan and group, which goes before the dataset's own groups.
    Raises `TrainError` as `folds` does, and when the file is no such table.
    """
    named = _read_groups(groups) if groups else {}
    scans = [replace(info, group=named.get(info.scan, info.group)) for info in scan_infos(folder)]
    return folds(scans, count, FOLDS_SEED, keep_val=True)


def folds(scans: Sequence[ScanInfo], count: int, seed: int = 0, keep_val: bool = False) -> list[set[str]]:
    """`count` disjoint sets of scans that together are all of train and val; other splits stay out.

    Groups are never divided. Each group goes to the fold with the fewest scans, of those to the one
    with the fewest tumour pixels; large groups go first, then those with much tumour, shuffled within
    stretches of `count` by the seed. With `keep_val`, fold 0 is exactly the val split and the train
    scans make the others.

    Raises `TrainError` for fewer than two folds, fewer groups than folds, or, with `keep_val`, no val
    split or one that shares a group with train.

    >>> scans = [ScanInfo(str(n), str(n), "train", 10 * n) for n in range(4)]
    >>> [sorted(fold) for fold in folds(scans, 2, seed=0)]
    [['0', '3'], ['1', '2']]
    >>> folds([*scans, ScanInfo("9", "9", "val", 5)], 2, keep_val=True)[0]
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
    both = {scan.group for scan in val} & {scan.group for scan in train}
    if both:
        raise TrainError(f"The val split cannot be kept as a fold: train shares the group {min(both)}.")
    return [{scan.scan for scan in val}, *_balanced(_groups(train), count - 1, seed)]


def _groups(scans: Iterable[ScanInfo]) -> list[list[ScanInfo]]:
    members: dict[str, list[ScanInfo]] = defaultdict(list)
    for scan in sorted(scans, key=lambda scan: scan.scan):
        members[scan.group].append(scan)
    return list(members.values())


def _balanced(groups: list[list[ScanInfo]], count: int, seed: int) -> list[set[str]]:
    if len(groups) < count:
        raise TrainError(f"{len(groups)} groups of scans cannot make {count} folds.")
    tumour = [sum(scan.tumour_px for scan in group) for group in groups]
    order = sorted(range(len(groups)), key=lambda g: (-len(groups[g]), -tumour[g], groups[g][0].scan))
    rng = np.random.default_rng(seed)
    made: list[set[str]] = [set() for _ in range(count)]
    pixels = [0] * count
    for first in range(0, len(order), count):
        # Only groups of one size are shuffled among each other: a large one must not come late.
        stretch = rng.permutation(order[first : first + count])
        for g in sorted((int(g) for g in stretch), key=lambda g: -len(groups[g])):
            fold = min(range(count), key=lambda f: (len(made[f]), pixels[f], f))
            made[fold] |= {scan.scan for scan in groups[g]}
            pixels[fold] += tumour[g]
    return made


def _read_groups(path: str) -> dict[str, str]:
    try:
        with open(path, newline="", encoding="utf-8") as lines:
            return {row["scan"]: row["group"] for row in csv.DictReader(lines)}
    except (OSError, KeyError, UnicodeDecodeError) as error:
        raise TrainError(f"{path} is no table with the columns scan and group.") from error
