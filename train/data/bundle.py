"""Datasets bundled into one small file, to train on another machine, and taken out of it again.

Pictures are resized and compressed with WebP, lossy, at the highest quality that fits the wanted size; labels
are resized with their nearest neighbours and compressed without loss. What a bundle holds are datasets of
their own: `dataset.json` states the side, the quality and the error of the greys. `slices.csv` keeps the
pixel counts of the original labels, so that folds are the same.
"""

from __future__ import annotations

import json
import zipfile
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

import cv2
import numpy as np

from liverseg.core.cpu import usable_processors
from registry.files import atomic_path, temporary_folder
from train.data.dataset import DatasetFolder, SliceRow
from train.errors import TrainError

QUALITIES = (20, 95)
"""Lowest and highest quality of WebP that is used."""

_LOSSLESS = 101
_DATE = (1980, 1, 1, 0, 0, 0)  # of every entry, so that the same datasets give the same file
_SAMPLE = 48  # slices of each dataset from which the size is predicted


@dataclass(frozen=True)
class Bundled:
    """A written bundle."""

    path: Path
    size: int  # bytes
    quality: int
    error_hu: dict[str, float]  # root mean square over the greys that are not saturated, by folder name


def write_bundle(folders: Sequence[DatasetFolder], path: Path, most_bytes: int, side_px: int) -> Bundled:
    """Write the datasets to one file of at most `most_bytes`, with `side_px` as the longest side of slices.

    Raises `TrainError` when a dataset has 16 bits or several windows, when two folders have the same name,
    or when even the lowest quality is too large.
    """
    names = [folder.folder.resolve().name for folder in folders]
    if len(set(names)) < len(names):
        raise TrainError("Two of the datasets have folders of the same name.")
    for folder in folders:
        if folder.intensity.bits != 8 or folder.intensity.channels != 1:
            raise TrainError(f"{folder.name} has 16 bits or several windows: a bundle holds one of 8 bits.")
    quality = _fitting_quality(folders, most_bytes, side_px)
    while True:
        errors: dict[str, float] = {}
        with atomic_path(path) as partial:
            with zipfile.ZipFile(partial, "w", zipfile.ZIP_STORED) as file:
                for name, folder in zip(names, folders, strict=True):
                    errors[name] = _write_dataset(file, name, folder, side_px, quality)
            size = partial.stat().st_size
            if size <= most_bytes:
                break
            if quality <= QUALITIES[0]:
                raise TrainError(
                    f"The datasets take {size / 1e6:.0f} MB at the lowest quality: give more --megabytes or "
                    "a smaller --side."
                )
        quality = max(QUALITIES[0], quality - 2)
    return Bundled(path, size, quality, errors)


def read_bundle(path: Path, out: Path) -> list[Path]:
    """The dataset folders of a bundle, written to `out`; one that is there already is left as it is.

    Raises `TrainError` when the file is not a bundle or is damaged.
    """
    try:
        with zipfile.ZipFile(path) as file:
            members: dict[str, list[str]] = {}
            for entry in file.namelist():
                parts = PurePosixPath(entry).parts
                if not 2 <= len(parts) <= 3 or any(part in ("..", "/") for part in parts):
                    raise TrainError(f"{path} is not a bundle of datasets.")
                members.setdefault(parts[0], []).append(entry)
            for name, entries in members.items():
                if not (out / name / "dataset.json").exists():
                    out.mkdir(parents=True, exist_ok=True)
                    with temporary_folder(out, f".{name}-") as staging:
                        for entry in entries:
                            target = staging / PurePosixPath(entry)
                            target.parent.mkdir(parents=True, exist_ok=True)
                            target.write_bytes(file.read(entry))
                        (staging / name).rename(out / name)
    except (OSError, zipfile.BadZipFile, KeyError) as error:
        raise TrainError(f"{path} cannot be read as a bundle of datasets: {error}.") from error
    return [out / name for name in members]


def _fitting_quality(folders: Sequence[DatasetFolder], most_bytes: int, side_px: int) -> int:
    """The highest quality at which a sample of the slices predicts a file of at most `most_bytes`."""

    def predicted(quality: int) -> float:
        total = 0.0
        for folder in folders:
            rows = folder.rows[:: max(1, len(folder.rows) // _SAMPLE)]
            sizes = [len(part) for row in rows for part in _encoded(folder, row, side_px, quality)[:2]]
            total += sum(sizes) / len(rows) * len(folder.rows)
            total += len(folder.rows) * 300  # the entries of the archive and the row of the table
        return total

    low, high = QUALITIES
    while low < high:
        middle = (low + high + 1) // 2
        low, high = (middle, high) if predicted(middle) <= most_bytes else (low, middle - 1)
    return low


def _write_dataset(
    file: zipfile.ZipFile, name: str, folder: DatasetFolder, side_px: int, quality: int
) -> float:
    """Add one dataset to the archive; returns the error of its greys in HU."""
    squares, pixels = 0.0, 0
    with ThreadPoolExecutor(usable_processors()) as pool:
        encoded = pool.map(lambda row: _encoded(folder, row, side_px, quality), folder.rows)
        for row, (picture, label, row_squares, row_pixels) in zip(folder.rows, encoded, strict=True):
            _add(file, f"{name}/images/{row.name}.webp", picture)
            _add(file, f"{name}/labels/{row.name}.webp", label)
            squares, pixels = squares + row_squares, pixels + row_pixels
    window = folder.intensity.window
    error_hu = round((squares / max(pixels, 1)) ** 0.5 / 255 * window.width_hu, 2)
    bundled = {"format": "webp", "quality": quality, "side_px": side_px, "error_hu": error_hu}
    about = json.dumps({**folder.about, "bundled": bundled}, indent=1)
    _add(file, f"{name}/dataset.json", about.encode())
    _add(file, f"{name}/slices.csv", (folder.folder / "slices.csv").read_bytes())
    return error_hu


def _encoded(
    folder: DatasetFolder, row: SliceRow, side_px: int, quality: int
) -> tuple[bytes, bytes, float, int]:
    """Picture and label of a slice as WebP, and the sum of squared errors with its number of pixels.

    Only greys that are not saturated count.
    """
    grey, label = folder.read_slice(row)
    scale = min(1.0, side_px / max(grey.shape))
    size = tuple(round(side * scale) for side in reversed(grey.shape))
    if scale < 1:
        grey = cv2.resize(grey, size, interpolation=cv2.INTER_AREA)
        label = cv2.resize(label, size, interpolation=cv2.INTER_NEAREST_EXACT)
    picture = cv2.imencode(".webp", grey, [cv2.IMWRITE_WEBP_QUALITY, quality])[1].tobytes()
    read = cv2.imdecode(np.frombuffer(picture, np.uint8), cv2.IMREAD_GRAYSCALE)
    counted = (grey > 0) & (grey < 255)
    difference = read[counted].astype(np.float64) - grey[counted]
    stored = cv2.imencode(".webp", label, [cv2.IMWRITE_WEBP_QUALITY, _LOSSLESS])[1].tobytes()
    return picture, stored, float(difference @ difference), int(counted.sum())


def _add(file: zipfile.ZipFile, name: str, content: bytes) -> None:
    file.writestr(zipfile.ZipInfo(name, _DATE), content)
