"""Conversion of one scan: its slices are written to disk, and a record describes them."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np

from liverseg.io.picture.png import png_bytes
from train.data.intensity import Intensity
from train.data.prepare.labels import LIVER_LABEL, ORGAN_LABELS, TUMOUR_LABEL
from train.data.prepare.records import ScanRecord
from train.data.prepare.scans import LoadedScan, ScanSource
from train.data.prepare.settings import ConversionSettings
from train.data.prepare.statistics import LesionCount, count_lesions, hu_histogram, summarise_hu
from train.data.prepare.volumes import Volume


@dataclass(frozen=True)
class _WrittenSlice:
    """One slice on disk."""

    row: dict  # entry of `ScanRecord.rows`
    organ_px: int  # pixels that are certainly liver or tumour
    annotated: bool
    liver_hu: np.ndarray | None  # `hu_histogram` of the liver; None without liver


def kept_slices(labels: np.ndarray, empty_share: float) -> np.ndarray:
    """Positions of the slices of (S, H, W) labels to keep: all annotated ones and a share of the others.

    >>> kept_slices(np.array([0, 0, 1, 0, 0]).reshape(5, 1, 1), empty_share=0.5).tolist()
    [0, 2, 3]
    """
    annotated = np.array([cv2.countNonZero(np.ascontiguousarray(plane)) > 0 for plane in labels], bool)
    empty = np.flatnonzero(~annotated)
    count = round(len(empty) * empty_share)
    chosen = empty[np.arange(count) * len(empty) // max(count, 1)]
    return np.sort(np.concatenate([np.flatnonzero(annotated), chosen]))


def convert_scan(
    source: ScanSource, out: Path, conversion: ConversionSettings, threads: int = 1
) -> ScanRecord:
    """Write the kept slices of a scan to `out/images` and `out/labels` with `threads` writer threads.

    Raises a `LiversegError` if the scan cannot be read, and `OSError` if a file cannot be written.
    """
    scan = source.load(conversion)
    stored_values = slice_encoder(scan.volume, conversion.intensity)
    kept = kept_slices(scan.labels, conversion.empty_share)

    def write(position: int) -> _WrittenSlice:
        index, labels = scan.indices[position], scan.labels[position]
        name = f"scan-{source.scan}_slice-{index:03d}"
        _write_png(out / "images" / f"{name}.png", stored_values(position))
        _write_png(out / "labels" / f"{name}.png", labels, smooth=False)
        annotated = cv2.countNonZero(labels) > 0
        pixels = {n: int(np.count_nonzero(labels == n)) if annotated else 0 for n in ORGAN_LABELS}
        row = {
            "slice": name,
            "index": index,
            "liver_px": pixels[LIVER_LABEL],
            "tumour_px": pixels[TUMOUR_LABEL],
        }
        liver_hu = None
        if pixels[LIVER_LABEL]:
            liver_hu = _liver_histogram(scan.volume, position, labels == LIVER_LABEL)
        return _WrittenSlice(row, sum(pixels.values()), annotated, liver_hu)

    with ThreadPoolExecutor(threads) as pool:
        written = list(pool.map(write, kept.tolist()))
    return _record(source, scan, written, _count_lesions(scan.labels, kept, written))


def _count_lesions(labels: np.ndarray, kept: np.ndarray, written: Sequence[_WrittenSlice]) -> LesionCount:
    """Lesions of the whole scan, searched only between the first and the last slice with tumour."""
    with_tumour = [position for position, one in zip(kept, written, strict=True) if one.row["tumour_px"]]
    if not with_tumour:
        return LesionCount(0, 0)
    return count_lesions(labels[with_tumour[0] : with_tumour[-1] + 1])


def slice_encoder(volume: Volume, intensity: Intensity) -> Callable[[int], np.ndarray]:
    """A function from a slice position to the stored values of `intensity`, (H, W) or (H, W, windows).

    For 16-bit volumes, each of the 65,536 possible numbers is converted once in float64 and then looked
    up. The result equals the conversion of every voxel.
    """
    if volume.hu_table is None:
        return lambda position: intensity.from_hu(volume.hu(position))
    table = intensity.from_hu(volume.hu_table)
    tables = [np.ascontiguousarray(channel) for channel in np.moveaxis(table.reshape(65536, -1), -1, 0)]

    def encode(position: int) -> np.ndarray:
        plane = volume.stored[position].view(np.uint16)
        values = [_apply_table(channel, plane) for channel in tables]
        return values[0] if len(values) == 1 else np.stack(values, axis=-1)

    return encode


def _apply_table(table: np.ndarray, plane: np.ndarray) -> np.ndarray:
    """The entries of a (65536,) table at (H, W) uint16 values.

    The lookup runs in the file's order, where rows are contiguous; flipping its 8-bit result is faster
    than flipping the 16-bit input.
    """
    steps = tuple(slice(None, None, -1 if stride < 0 else 1) for stride in plane.strides)
    return np.ascontiguousarray(cv2.LUT(np.ascontiguousarray(plane[steps]), table)[steps])


def _liver_histogram(volume: Volume, position: int, liver: np.ndarray) -> np.ndarray:
    """`hu_histogram` of one slice inside the (H, W) bool mask `liver`."""
    if volume.hu_table is None:
        return hu_histogram(volume.hu(position)[liver])
    return hu_histogram(volume.hu_table[volume.stored[position].view(np.uint16)[liver]])


def _write_png(path: Path, values: np.ndarray, smooth: bool = True) -> None:
    """Write (H, W) uint8 or uint16, or (H, W, 2 or 3) uint8 with the channels red, green, blue."""
    if values.ndim == 3:
        unused = np.zeros((*values.shape[:2], 3 - values.shape[2]), np.uint8)
        values = np.concatenate([values, unused], axis=2)
    path.write_bytes(png_bytes(values, smooth))


def _record(
    source: ScanSource, scan: LoadedScan, written: Sequence[_WrittenSlice], lesions: LesionCount
) -> ScanRecord:
    depth, height, width = scan.labels.shape
    rows = tuple(one.row for one in written)
    hu = summarise_hu(
        sum((one.liver_hu for one in written if one.liver_hu is not None), np.zeros(1, np.int64))
    )
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
        # With missing slices, a lesion on both sides of a gap would count twice.
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
