"""Assignment of scans to splits: drawn by group from a seed, or read from a file."""

from __future__ import annotations

import csv
import json
from collections import defaultdict
from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np

from train.data.prepare.settings import SplitSettings
from train.errors import TrainError


def parse_shares(text: str) -> dict[str, float]:
    """The share of each split in a text such as `train=0.7,val=0.2,test=0.1`.

    Raises `TrainError` as `validated_shares` does.

    >>> parse_shares("train=0.7,val=0.2,test=0.1")
    {'train': 0.7, 'val': 0.2, 'test': 0.1}
    """
    shares = {}
    for part in text.split(","):
        name, _, share = part.partition("=")
        try:
            shares[name.strip()] = float(share)
        except ValueError as error:
            raise TrainError(
                f"{part.strip()!r} is not a share; write shares as in train=0.8,val=0.2."
            ) from error
    return validated_shares(shares)


def validated_shares(shares: Mapping[str, float]) -> dict[str, float]:
    """The shares. Raises `TrainError` unless they lie in [0, 1], sum to 1 and include train."""
    if not all(0 <= share <= 1 for share in shares.values()) or abs(sum(shares.values()) - 1) > 1e-6:
        raise TrainError("The shares of the splits must be numbers from 0 to 1 whose sum is 1.")
    if not all(shares) or "train" not in shares:
        raise TrainError("Every split must have a name, and one must be called train.")
    return dict(shares)


def split_scans(
    scans: Sequence[str],
    shares: Mapping[str, float],
    seed: int,
    groups: Mapping[str, str] | None = None,
) -> dict[str, str]:
    """Scan -> split, drawn by group from a seed; a scan that `groups` does not name is its own group.

    Every split except train takes groups in shuffled order until it has its share of the scans, and
    skips groups that would exceed it. Train gets the rest. Each split with a share above 0 gets at least
    one group, as long as one is left for train.

    >>> drawn = split_scans(["0", "1", "2", "3", "4"], {"train": 0.8, "val": 0.2}, seed=0)
    >>> sorted(drawn.values())
    ['train', 'train', 'train', 'train', 'val']
    """
    members: dict[str, list[str]] = defaultdict(list)
    for scan in sorted(scans):
        members[(groups or {}).get(scan, scan)].append(scan)
    remaining = [str(group) for group in np.random.default_rng(seed).permutation(list(members))]
    split_of: dict[str, str] = {}
    for name, share in shares.items():
        if name == "train" or not share:
            continue
        target, taken = max(round(len(scans) * share), 1), 0
        for group in list(remaining):
            if len(remaining) == 1:  # reserved for train
                break
            if taken + len(members[group]) <= target:
                taken += len(members[group])
                remaining.remove(group)
                split_of |= dict.fromkeys(members[group], name)
        if not taken and len(remaining) > 1:  # every group is larger than the share
            smallest = min(remaining, key=lambda group: len(members[group]))
            remaining.remove(smallest)
            split_of |= dict.fromkeys(members[smallest], name)
    return {scan: split_of.get(scan, "train") for scan in scans}


def assign_splits(
    scans: Sequence[str], settings: SplitSettings, built_in: Mapping[str, str]
) -> dict[str, str]:
    """Scan -> split; `built_in` are the groups known for the source (scan -> group).

    Raises `TrainError` if a fixed split omits a scan or divides a group.
    """
    groups = {**built_in, **settings.groups}
    if settings.fixed is None:
        return split_scans(scans, validated_shares(settings.shares), settings.seed, groups)
    missing = [scan for scan in scans if scan not in settings.fixed]
    if missing:
        raise TrainError(f"The file of splits does not name scan {', '.join(missing[:5])}.")
    chosen = {scan: settings.fixed[scan] for scan in scans}
    seen: dict[str, str] = {}
    for scan, split in chosen.items():
        group = groups.get(scan)
        if group is not None and seen.setdefault(group, split) != split:
            raise TrainError(f"The file of splits divides the group {group}: it is in two splits.")
    return chosen


def read_table(path: Path, column: str) -> dict[str, str]:
    """Scan -> value, from a CSV file with the columns scan and `column` or from a JSON object.

    The object maps scans to values, or values to lists of scans. Raises `TrainError` for anything else.
    """
    try:
        if path.suffix.lower() == ".json":
            return _from_json(json.loads(path.read_text(encoding="utf-8")))
        with path.open(newline="", encoding="utf-8-sig") as lines:
            return {row["scan"].strip(): row[column].strip() for row in csv.DictReader(lines)}
    except (OSError, KeyError, ValueError, AttributeError, TypeError) as error:
        raise TrainError(
            f"{path} is neither a CSV file with the columns scan and {column} nor such a JSON object."
        ) from error


def _from_json(content: dict) -> dict[str, str]:
    """Scan -> value of either form of object."""
    table: dict[str, str] = {}
    for key, value in content.items():
        if isinstance(value, list):
            table |= {str(scan): str(key) for scan in value}
        else:
            table[str(key)] = str(value)
    return table
