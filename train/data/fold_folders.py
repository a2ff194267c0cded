"""Folds of several datasets of the same scans, written as dataset folders with links to the pictures.

Datasets may hold other slices or other windows of the same scans. A scan name therefore stands for one scan
in all of them and lies on one side of every split. Each written folder differs from its source only in the
column `split`: the scans of the fold are val, all others train.
"""

from __future__ import annotations

import csv
from collections.abc import Sequence
from pathlib import Path

from train.data.dataset import DatasetFolder
from train.data.folds import ScanInfo, dataset_folds, group_of, scan_infos
from train.errors import TrainError


def joint_folds(folders: Sequence[DatasetFolder], count: int) -> list[set[str]]:
    """The folds of the train and val scans of all datasets; fold 0 holds every val scan.

    Scans of the first dataset are in the folds of `dataset_folds`. Each group of scans that only the others
    hold joins the fold with the fewest scans, fold 0 left out. Raises `TrainError` as `dataset_folds` does,
    and where a scan is val in one dataset and train in another.
    """
    folds = dataset_folds(folders[0], count)
    for folder in folders[1:]:
        by_group: dict[str, list[ScanInfo]] = {}
        for info in scan_infos(folder):
            if info.split in ("train", "val"):
                by_group.setdefault(group_of(folder.about, info.scan), []).append(info)
        for members in by_group.values():
            names = {info.scan for info in members}
            known = next((fold for fold in folds if fold & names), None)
            is_val = any(info.split == "val" for info in members)
            if known is None:
                known = folds[0] if is_val else min(folds[1:], key=len)
            if (known is folds[0]) != is_val or any(fold & names for fold in folds if fold is not known):
                raise TrainError(
                    f"Scan {min(names)} of {folder.name} lies in another split than its namesake."
                )
            known |= names
    return folds


def write_fold_folders(folders: Sequence[DatasetFolder], folds: Sequence[set[str]], out: Path) -> list[Path]:
    """Write `out/fold-K/<folder name>` for each fold and dataset; returns the folders of the folds.

    `images` and `labels` are links to the folders of the source, which must stay in place. Raises
    `TrainError` if `out` exists.
    """
    if out.exists():
        raise TrainError(f"{out} exists already; name a folder that does not.")
    written = []
    for number, fold in enumerate(folds):
        place = out / f"fold-{number}"
        for folder in folders:
            target = place / folder.folder.resolve().name
            target.mkdir(parents=True)
            for name in ("images", "labels"):
                (target / name).symlink_to((folder.folder / name).resolve(), target_is_directory=True)
            (target / "dataset.json").write_bytes((folder.folder / "dataset.json").read_bytes())
            _write_rows(folder.folder / "slices.csv", target / "slices.csv", fold)
        written.append(place)
    return written


def _write_rows(source: Path, target: Path, fold: set[str]) -> None:
    with source.open(newline="", encoding="utf-8") as lines:
        reader = csv.DictReader(lines)
        rows, columns = list(reader), reader.fieldnames or []
    for row in rows:
        if row["split"] in ("train", "val"):
            row["split"] = "val" if row["scan"] in fold else "train"
    with target.open("w", newline="", encoding="utf-8") as lines:
        writer = csv.DictWriter(lines, columns, lineterminator="\n")
        writer.writeheader()
        writer.writerows(rows)
