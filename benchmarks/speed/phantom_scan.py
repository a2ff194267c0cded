"""A scan of the usual size as files, made of phantom slices so that it takes seconds to make."""

from __future__ import annotations

import tempfile
from dataclasses import replace
from pathlib import Path

import numpy as np

import liverseg
from liverseg import phantom
from liverseg.phantom import Phantom
from registry.files import atomic_path

NOISE_HU = 4.0
"""Of the repeated slices, each its own: equal ones would pack as no scan does."""


def scan(slices: int, made: int, side: int, seed: int = 3) -> Phantom:
    """A volume of `slices` × `side` × `side`, whole HU; each of the `made` slices stands for several."""
    small = _made(made, side, seed)
    order = np.arange(slices) * made // slices
    rng = np.random.default_rng(seed)
    hu = small.hu[order] + rng.normal(0, NOISE_HU, (slices, side, side)).astype(np.float32)
    np.clip(np.rint(hu, out=hu), -1024, 3071, out=hu)
    between = small.spacing_mm[0] * made / slices
    return replace(small, hu=hu, labels=small.labels[order], spacing_mm=(between, *small.spacing_mm[1:]))


def _made(slices: int, side: int, seed: int) -> Phantom:
    """The phantom of a seed; kept among the temporary files, for it takes long and two sections need it."""
    name = f"liverseg-phantom-{liverseg.__version__}-{slices}-{side}-{seed}.npz"
    kept = Path(tempfile.gettempdir(), name)
    try:
        with np.load(kept) as arrays:
            spacing = tuple(float(mm) for mm in arrays["spacing_mm"])
            return Phantom(arrays["hu"], arrays["labels"], spacing, (), seed, "volume")
    except (OSError, ValueError, KeyError):
        made = phantom.make("volume", seed=seed, size=side, slices=slices)
        with atomic_path(kept) as partial, partial.open("wb") as stream:
            np.savez(stream, hu=made.hu, labels=made.labels, spacing_mm=made.spacing_mm)
        return made


def lone_slice(volume: Phantom) -> Phantom:
    """The middle slice of a volume."""
    middle = slice(len(volume.hu) // 2, len(volume.hu) // 2 + 1)
    return replace(volume, hu=volume.hu[middle], labels=volume.labels[middle], kind="slice")


def write(made: Phantom, folder: Path, format: str) -> Path:
    """Write a phantom; returns what to read: the file, or the folder of a DICOM series."""
    first, *_ = phantom.write(made, folder, format)
    return first.parent if format == "dicom" and made.kind == "volume" else first
