"""Small scans for the tests of cohorts; the network `ByHU` segments them quickly."""

from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace

import nibabel
import numpy as np
import pydicom

from liverseg.phantom.files import dicom_slice
from tests.liverseg.app.rule_checkpoints import SIDE, slice_hu

SPACING_MM = (5.0, 0.8, 0.8)


def hu_of(seed: int, slices: int = 4) -> np.ndarray:
    """(slices, SIDE, SIDE) HU with a tumour in the inner slices; different for every seed."""
    radii = [0, *(5 + (seed + k) % 5 for k in range(slices - 2)), 0]
    hu = np.stack([slice_hu(radius) for radius in radii])
    hu[:, 0, seed % SIDE] = seed
    return hu


def write_nifti(path: Path, seed: int, slices: int = 4) -> Path:
    """Writes `hu_of` as NIfTI, compressed if `path` ends in .gz; returns `path`."""
    path.parent.mkdir(parents=True, exist_ok=True)
    affine = np.diag([-SPACING_MM[2], -SPACING_MM[1], SPACING_MM[0], 1.0])
    voxels = hu_of(seed, slices).transpose(2, 1, 0).astype(np.int16)
    nibabel.save(nibabel.Nifti1Image(voxels, affine), path)
    return path


def write_series(
    folder: Path, seed: int, number: int = 1, study: str = "", slices: int = 4, prefix: str = "s"
) -> list[Path]:
    """Writes `hu_of` as a DICOM series in files without an ending, in shuffled order; `study` is its UID."""
    folder.mkdir(parents=True, exist_ok=True)
    phantom = SimpleNamespace(
        hu=hu_of(seed, slices), spacing_mm=SPACING_MM, kind="volume", seed=f"{seed}-{number}"
    )
    paths = []
    for index in range(slices):
        dataset: pydicom.Dataset = dicom_slice(phantom, index)
        dataset.PatientName, dataset.PatientID, dataset.StudyID = "DOE^JANE", "4711", "1"
        dataset.SeriesNumber = number
        dataset.StudyInstanceUID = study or dataset.StudyInstanceUID
        path = folder / f"{prefix}{(index * 7 + 3) % 10}_{number}"
        dataset.save_as(path)
        paths.append(path)
    return paths
