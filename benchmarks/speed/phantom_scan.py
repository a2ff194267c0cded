"""A synthetic scan of the usual size as files, made from few different phantom slices to save time."""

from __future__ import annotations

import tempfile
from dataclasses import replace
from pathlib import Path

import numpy as np

import liverseg
from liverseg import phantom
from liverseg.phantom import Phantom
from registry.files import atomic_path

SLICES, SIDE, DIFFERENT_SLICES = 119, 512, 12
"""The usual size of a scan, and the number of different slices in it."""
NOISE_HU = 4.0
"""Standard deviation of each slice's own noise, without which repeated slices would compress too well."""


def scan(slices: int, different: int, side: int, seed: int = 3) -> Phantom:
    """A volume (slices, side, side) of whole HU; each of `different` slices is repeated with new noise."""
    small = _cached_phantom(different, side, seed)
    order = np.arange(slices) * different // slices
    rng = np.random.default_rng(seed)
    hu = small.hu[order] + rng.normal(0, NOISE_HU, (slices, side, side)).astype(np.float32)
    np.clip(np.rint(hu, out=hu), -1024, 3071, out=hu)
    between = small.spacing_mm[0] * different / slices
    return replace(small, hu=hu, labels=small.labels[order], spacing_mm=(between, *small.spacing_mm[1:]))


def _cached_phantom(slices: int, side: int, seed: int) -> Phantom:
    """The phantom of a seed, cached as a temporary file because it takes long and two sections use it."""
    name = f"liverseg-phantom-{liverseg.__version__}-{slices}-{side}-{seed}.npz"
    cached = Path(tempfile.gettempdir(), name)
    try:
        with np.load(cached) as arrays:
            spacing = tuple(float(mm) for mm in arrays["spacing_mm"])
            return Phantom(arrays["hu"], arrays["labels"], spacing, (), seed, "volume")
    except (OSError, ValueError, KeyError):
        volume = phantom.make("volume", seed=seed, size=side, slices=slices)
        with atomic_path(cached) as partial, partial.open("wb") as stream:
            np.savez(stream, hu=volume.hu, labels=volume.labels, spacing_mm=volume.spacing_mm)
        return volume


def lone_slice(volume: Phantom) -> Phantom:
    """The middle slice of a volume as a phantom of one slice."""
    middle = slice(len(volume.hu) // 2, len(volume.hu) // 2 + 1)
    return replace(volume, hu=volume.hu[middle], labels=volume.labels[middle], kind="slice")


def write(scan: Phantom, folder: Path, format: str) -> Path:
    """Write a phantom; returns the path to read: the file, or the folder of a DICOM series."""
    first, *_ = phantom.write(scan, folder, format)
    return first.parent if format == "dicom" and scan.kind == "volume" else first
