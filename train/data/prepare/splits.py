"""Which scan goes to which split: drawn by group with a seed, or read from a file."""

from __future__ import annotations

import csv
import json
from collections import defaultdict
from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np

from train.data.prepare.settings import Splitting
from train.errors import TrainError


def parse_shares(text: str) -> dict[str, float]:
    """Shares as in `train=0.7,val=0.2,test=0.1`. Raises `TrainError` unless they sum to 1.

    >>> parse_shares("train=0.7,val=0.2,test=0.1")
    {'train': 0.7, 'val': 0.2, 'test': 0.1}
    """
    shares = {}
    for part in text.split(","):
        name, _, share = part.partition("=")
        try:
            shares[name.strip()] = float(share)
        except ValueError as error:
            raise TrainError(f"{part.strip()!r} is no share; write it as in train=0.8,val=0.2.") from error
    return check_shares(shares)


def check_shares(shares: Mapping[str, float]) -> dict[str, float]:
    """The shares, if none is negative, they sum to 1 and one is called train; else a `TrainError`."""
    if not all(0 <= share <= 1 for share in shares.values()) or abs(sum(shares.values()) - 1) > 1e-6:
        raise TrainError("The shares of the splits are numbers from 0 to 1 whose sum is 1.")
    if not all(shares) or "train" not in shares:
        raise TrainError("Every split has a name, and one is called train.")
    return dict(shares)


def split_scans(
    scans: Sequence[str],
    shares: Mapping[str, float],
    seed: int,
    groups: Mapping[str, str] | None = None,
) -> dict[str, str]:
    """scan -> split, drawn by group with a seed; a scan that `groups` does not name is its own group.

    Every split but train takes groups, in shuffled order, until it has its share of the scans,
    passing over those that would take it beyond; train gets the rest. Each split of a share above 0
    gets at least one group, as far as they go and one is left for train.

    >>> drawn = split_scans(["0", "1", "2", "3", "4"], {"train": 0.8, "val": 0.2}, seed=0)
    >>> sorted(drawn.values())
    ['train', 'train', 'train', 'train', 'val']
    """
    members: dict[str, list[str]] = defaultdict(list)
    for scan in sorted(scans):
        members[(groups or {}).get(scan, scan)].append(scan)
    waiting = [str(group) for group in np.random.default_rng(seed).permutation(list(members))]
    split_of: dict[str, str] = {}
    for name, share in shares.items():
        if name == "train" or not share:
            continue
        target, taken = max(round(len(scans) * share), 1), 0
        for group in list(waiting):
            if len(waiting) == 1:  # for train
                break
            if taken + len(members[group]) <= target:
                taken += len(members[group])
                waiting.remove(group)
                split_of |= dict.fromkeys(members[group], name)
        if not taken and len(waiting) > 1:  # every group is larger than the share
            smallest = min(waiting, key=lambda group: len(members[group]))
            waiting.remove(smallest)
            split_of |= dict.fromkeys(members[smallest], name)
    return {scan: split_of.get(scan, "train") for scan in scans}


def assign(scans: Sequence[str], settings: Splitting, built_in: Mapping[str, str]) -> dict[str, str]:
    """scan -> split by the settings; `built_in` are the groups the source itself is known to have.

    Raises `TrainError` where a fixed split leaves a scan out or divides a group.
    """
    groups = {**built_in, **settings.groups}
    if settings.fixed is None:
        return split_scans(scans, check_shares(settings.shares), settings.seed, groups)
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
    """scan -> `column` of a CSV file with these two columns, or of a JSON object scan -> value or
    value -> list of scans. Raises `TrainError` for anything else."""
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
    table: dict[str, str] = {}
    for key, value in content.items():
        if isinstance(value, list):
            table |= {str(scan): str(key) for scan in value}
        else:
            table[str(key)] = str(value)
    return table
