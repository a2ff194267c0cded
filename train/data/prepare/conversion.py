"""One scan to its slices on disk and a record of what was written."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np

from liverseg.io.picture.png import png_bytes
from train.data.intensity import Intensity
from train.data.prepare.labels import ORGAN_LABELS
from train.data.prepare.records import ScanRecord
from train.data.prepare.scans import LoadedScan, ScanSource
from train.data.prepare.settings import Conversion
from train.data.prepare.statistics import TUMOUR_LABEL, Lesions, count_lesions, histogram, summarise
from train.data.prepare.volumes import Volume

LIVER_LABEL = 1


@dataclass(frozen=True)
class _Written:
    """One slice on disk."""

    row: dict  # of `ScanRecord.rows`
    organ_px: int
    annotated: bool
    liver_hu: np.ndarray | None  # histogram; None without liver


def kept_slices(labels: np.ndarray, empty_share: float) -> np.ndarray:
    """Indices of the slices of (S, H, W) labels to keep: the annotated ones and a share of the others.

    >>> kept_slices(np.array([0, 0, 1, 0, 0]).reshape(5, 1, 1), empty_share=0.5).tolist()
    [0, 2, 3]
    """
    annotated = np.array([cv2.countNonZero(np.ascontiguousarray(plane)) > 0 for plane in labels], bool)
    empty = np.flatnonzero(~annotated)
    count = round(len(empty) * empty_share)
    chosen = empty[np.arange(count) * len(empty) // max(count, 1)]
    return np.sort(np.concatenate([np.flatnonzero(annotated), chosen]))


def convert(source: ScanSource, out: Path, conversion: Conversion, threads: int = 1) -> ScanRecord:
    """Write the kept slices of a scan to `out/images` and `out/labels`, by `threads` writers at once.

    Raises a `LiversegError` where the scan cannot be read, `OSError` where nothing can be written.
    """
    scan = source.load(conversion)
    stored_values = encoder(scan.volume, conversion.intensity)
    kept = kept_slices(scan.labels, conversion.empty_share)

    def write(position: int) -> _Written:
        index, labels = scan.indices[position], scan.labels[position]
        name = f"scan-{source.scan}_slice-{index:03d}"
        _write_png(out / "images" / f"{name}.png", stored_values(position))
        _write_png(out / "labels" / f"{name}.png", labels, smooth=False)
        annotated = cv2.countNonZero(labels) > 0
        px = {n: int(np.count_nonzero(labels == n)) if annotated else 0 for n in ORGAN_LABELS}
        row = {
            "slice": name,
            "index": index,
            "liver_px": px[LIVER_LABEL],
            "tumour_px": px[TUMOUR_LABEL],
        }
        counts = _liver_histogram(scan.volume, position, labels == LIVER_LABEL) if px[LIVER_LABEL] else None
        return _Written(row, sum(px.values()), annotated, counts)

    with ThreadPoolExecutor(threads) as pool:
        written = list(pool.map(write, kept.tolist()))
    return _record(source, scan, written, _lesions(scan.labels, kept, written))


def _lesions(labels: np.ndarray, kept: np.ndarray, written: Sequence[_Written]) -> Lesions:
    """Lesions of the whole scan, looked for where the slices written have shown tumour."""
    shown = [place for place, one in zip(kept, written, strict=True) if one.row["tumour_px"]]
    return count_lesions(labels[shown[0] : shown[-1] + 1]) if shown else Lesions(0, 0)


def encoder(volume: Volume, intensity: Intensity) -> Callable[[int], np.ndarray]:
    """Slice position -> stored values (H, W) or (H, W, windows) of `intensity`.

    For 16-bit volumes each of the 65,536 numbers is converted once, in float64, and looked up; the result
    is the same as converting every voxel.
    """
    if volume.hu_table is None:
        return lambda position: intensity.from_hu(volume.hu(position))
    table = intensity.from_hu(volume.hu_table)
    tables = [np.ascontiguousarray(channel) for channel in np.moveaxis(table.reshape(65536, -1), -1, 0)]

    def look_up(position: int) -> np.ndarray:
        # In the order of the file, where a row is contiguous, and turned afterwards: 8 bits move faster.
        plane = volume.stored[position].view(np.uint16)
        values = [_look_up(channel, plane) for channel in tables]
        return values[0] if len(values) == 1 else np.stack(values, axis=-1)

    return look_up


def _look_up(table: np.ndarray, plane: np.ndarray) -> np.ndarray:
    """(65536,) table at each of the (H, W) uint16 values."""
    steps = tuple(slice(None, None, -1 if stride < 0 else 1) for stride in plane.strides)
    return np.ascontiguousarray(cv2.LUT(np.ascontiguousarray(plane[steps]), table)[steps])


def _liver_histogram(volume: Volume, position: int, liver: np.ndarray) -> np.ndarray:
    if volume.hu_table is None:
        return histogram(volume.hu(position)[liver])
    return histogram(volume.hu_table[volume.stored[position].view(np.uint16)[liver]])


def _write_png(path: Path, values: np.ndarray, smooth: bool = True) -> None:
    """Write (H, W) uint8 or uint16, or (H, W, 2 or 3) uint8 whose channels are red, green, blue."""
    if values.ndim == 3:
        unused = np.zeros((*values.shape[:2], 3 - values.shape[2]), np.uint8)
        values = np.concatenate([values, unused], axis=2)
    path.write_bytes(png_bytes(values, smooth))


def _record(
    source: ScanSource, scan: LoadedScan, written: Sequence[_Written], lesions: Lesions
) -> ScanRecord:
    depth, height, width = scan.labels.shape
    rows = tuple(one.row for one in written)
    hu = summarise(sum((one.liver_hu for one in written if one.liver_hu is not None), np.zeros(1, np.int64)))
    consecutive = depth == scan.indices[-1] - scan.indices[0] + 1
    volume = scan.volume
    return ScanRecord(
        scan=source.scan,
        rows=rows,
        slices=depth,
        height=height,
        width=width,
        annotated_slices=sum(one.annotated for one in written),
        organ_voxels=sum(one.organ_px for one in written),
        liver_voxels=sum(row["liver_px"] for row in rows),
        tumour_voxels=sum(row["tumour_px"] for row in rows),
        # Where slices are missing, a lesion that reaches over the gap would count twice.
        lesions=lesions.count if consecutive else None,
        largest_lesion_voxels=lesions.largest_voxels if consecutive else None,
        liver_hu_mean=hu.mean,
        liver_hu_percentiles=hu.percentiles,
        spacing_mm=volume.spacing_mm,
        geometry=volume.geometry,
        reoriented=scan.reoriented,
        sha256=volume.sha256,
        warnings=volume.warnings,
    )
