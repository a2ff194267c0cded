"""From scans to a dataset of contract 2: windowed PNG slices, label PNGs, `slices.csv`, `dataset.json`."""

from __future__ import annotations

import csv
import json
import logging
import re
import zlib
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

import cv2
import nibabel
import numpy as np

import liverseg
from liverseg import phantom
from liverseg.ct import CTImage
from liverseg.errors import LiversegError
from liverseg.segmentation import CLASSES
from liverseg.windowing import DEFAULT_WINDOW, Window, to_grey
from train.errors import TrainError

log = logging.getLogger("train.prepare")

LITS = {
    "licence": "LiTS training data: CC BY-NC-ND 4.0; the same scans are in the Medical Segmentation "
    "Decathlon, Task03_Liver, under CC BY-SA 4.0",
    "citation": "Bilic et al., The Liver Tumor Segmentation Benchmark (LiTS), "
    "Medical Image Analysis 84 (2023) 102680",
}
PHANTOM = {"licence": "Apache-2.0", "citation": "Procedural phantoms, liverseg phantom"}
_NUMBER = re.compile(r"(\d+)\.nii(\.gz)?$")


@dataclass(frozen=True)
class PrepareSettings:
    """How scans become slices."""

    window: Window = DEFAULT_WINDOW
    validation_share: float = 0.2  # of the scans
    seed: int = 0
    empty_share: float = 0.2  # of the slices that show neither liver nor tumour, evenly spaced


@dataclass(frozen=True)
class Scan:
    """One scan with its reference, in radiological orientation."""

    scan: str
    hu: np.ndarray  # (S, H, W) float32
    labels: np.ndarray  # (S, H, W) uint8: 0, 1, 2
    spacing_mm: tuple[float, float, float] | None


def prepare(source: str, out: Path, settings: PrepareSettings = PrepareSettings()) -> list[str]:
    """Write a dataset; returns one sentence for each scan that had to be left out.

    `source` is a folder with `volume-N.nii` and `segmentation-N.nii` (LiTS), or with `imagesTr` and
    `labelsTr` (Decathlon), gzipped or not, or `phantom:N` for N phantoms of our own.
    Raises `TrainError` when there is nothing to prepare.
    """
    (out / "images").mkdir(parents=True, exist_ok=True)
    (out / "labels").mkdir(exist_ok=True)
    if source.startswith("phantom:"):
        name, about, scans = "phantoms", PHANTOM, _phantoms(source)
        names = [f"{number}" for number in range(_phantom_count(source))]
    else:
        pairs = find_pairs(Path(source))
        name, about, scans = Path(source).resolve().name, LITS, _volumes(pairs)
        names = [scan for scan, _, _ in pairs]
    split = split_scans(names, settings.validation_share, settings.seed)

    problems: list[str] = []
    rows: list[dict] = []
    spacings: dict[str, list[float] | None] = {}
    for scan in scans:
        if isinstance(scan, str):
            problems.append(scan)
            log.warning("%s", scan)
            continue
        rows += list(_write_slices(scan, out, settings, split[scan.scan]))
        spacings[scan.scan] = None if scan.spacing_mm is None else [round(mm, 6) for mm in scan.spacing_mm]
        log.info("scan %s: %d slices", scan.scan, sum(row["scan"] == scan.scan for row in rows))
    if not rows:
        raise TrainError("No scan could be prepared: " + (problems[0] if problems else "there is none."))
    _write_tables(out, name, about, rows, spacings, settings)
    return problems


def find_pairs(folder: Path) -> list[tuple[str, Path, Path]]:
    """(scan, volume, reference) of every pair in a LiTS or Decathlon folder, by number."""
    if (folder / "imagesTr").is_dir():
        images, partner = (folder / "imagesTr").glob("*.nii*"), lambda p: folder / "labelsTr" / p.name
    else:
        images = folder.rglob("volume-*.nii*")
        partner = lambda p: p.with_name(p.name.replace("volume-", "segmentation-"))  # noqa: E731
    pairs = []
    for image in images:
        number = _NUMBER.search(image.name)
        if number and partner(image).exists():
            pairs.append((number.group(1), image, partner(image)))
    if not pairs:
        raise TrainError(
            f"{folder} holds neither volume-N.nii with segmentation-N.nii, nor imagesTr with labelsTr."
        )
    return sorted(pairs, key=lambda pair: int(pair[0]))


def split_scans(scans: list[str], validation_share: float, seed: int) -> dict[str, str]:
    """scan -> "train" or "val", drawn by scan with a seed; at least one of each where there are two.

    >>> sorted(split_scans(["0", "1", "2", "3", "4"], 0.2, seed=0).values())
    ['train', 'train', 'train', 'train', 'val']
    """
    shuffled = np.random.default_rng(seed).permutation(sorted(scans))
    count = min(max(round(len(scans) * validation_share), 1), len(scans) - 1) if validation_share else 0
    return {str(scan): "val" if place < count else "train" for place, scan in enumerate(shuffled)}


def kept_slices(labels: np.ndarray, empty_share: float) -> np.ndarray:
    """Indices of the slices of (S, H, W) labels to keep: the annotated ones and a share of the others.

    >>> kept_slices(np.array([0, 0, 1, 0, 0]).reshape(5, 1, 1), empty_share=0.5).tolist()
    [0, 2, 3]
    """
    annotated = labels.any(axis=(1, 2))
    empty = np.flatnonzero(~annotated)
    count = round(len(empty) * empty_share)
    chosen = empty[np.arange(count) * len(empty) // max(count, 1)]
    return np.sort(np.concatenate([np.flatnonzero(annotated), chosen]))


def _volumes(pairs: Iterable[tuple[str, Path, Path]]) -> Iterator[Scan | str]:
    """Each scan of the pairs, or the sentence that says why it is left out."""
    for scan, image, reference in pairs:
        try:
            ct = liverseg.read(image)
            labels = _read_labels(reference, ct)
        except LiversegError as error:
            yield f"Scan {scan} is left out: {error}"
        else:
            yield Scan(scan, ct.hu, labels, ct.spacing_mm)


def _read_labels(path: Path, ct: CTImage) -> np.ndarray:
    """(S, H, W) uint8 labels of a NIfTI reference, whose voxels are those of the volume `ct`.

    The two are matched voxel by voxel, as LiTS means them: some of its references carry another
    header than their volume.
    """
    try:
        stored = np.asanyarray(nibabel.load(path).dataobj)
    except (OSError, EOFError, ValueError, zlib.error, nibabel.filebasedimages.ImageFileError) as error:
        raise TrainError("the reference is truncated or damaged.") from error
    if stored.shape != ct.native.shape:
        raise TrainError(f"the volume has {ct.native.shape} voxels, its reference {stored.shape}.")
    if not np.isin(stored, (0, 1, 2)).all():
        raise TrainError("the reference holds other labels than 0, 1 and 2.")
    return np.ascontiguousarray(ct.native.to_radiological(stored).astype(np.uint8))


def _phantom_count(source: str) -> int:
    try:
        count = int(source.removeprefix("phantom:"))
    except ValueError:
        count = 0
    if count < 1:
        raise TrainError("Name a number of phantoms, as in phantom:200.")
    return count


def _phantoms(source: str) -> Iterator[Scan]:
    """One slice of each phantom; seeds from 100000, far from those that tests and examples use."""
    for number in range(_phantom_count(source)):
        made = phantom.make(kind="slice", seed=100_000 + number)
        yield Scan(str(number), made.hu, made.labels, made.spacing_mm)


def _write_slices(scan: Scan, out: Path, settings: PrepareSettings, split: str) -> Iterator[dict]:
    for index in kept_slices(scan.labels, settings.empty_share):
        name = f"scan-{scan.scan}_slice-{index:03d}"
        labels = scan.labels[index]
        cv2.imwrite(str(out / "images" / f"{name}.png"), to_grey(scan.hu[index], settings.window))
        cv2.imwrite(str(out / "labels" / f"{name}.png"), labels)
        yield {
            "slice": name,
            "scan": scan.scan,
            "index": int(index),
            "split": split,
            "liver_px": int((labels == 1).sum()),
            "tumour_px": int((labels == 2).sum()),
        }


def _write_tables(
    out: Path, name: str, about: dict, rows: list[dict], spacings: dict, settings: PrepareSettings
) -> None:
    with (out / "slices.csv").open("w", newline="", encoding="utf-8") as file:
        writer = csv.DictWriter(file, rows[0])
        writer.writeheader()
        writer.writerows(rows)
    scans = {row["scan"]: row["split"] for row in rows}
    described = {
        "name": name,
        "classes": list(CLASSES),
        "label_values": {str(value): [label] for value, label in enumerate(CLASSES)},
        "intensity": {
            "kind": "window",
            "center_hu": settings.window.center_hu,
            "width_hu": settings.window.width_hu,
            "bits": 8,
        },
        "spacing_mm": spacings,
        "orientation": "radiological: patient's right on the left of the picture, anterior at the top",
        "group_by": "scan",
        "splits": {split: list(scans.values()).count(split) for split in ("train", "val")},
        **about,
    }
    (out / "dataset.json").write_text(json.dumps(described, indent=2) + "\n", encoding="utf-8")
