"""Small scans for the tests of cohorts: cheap to write and to segment by `ByHU`."""

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
    """(slices, SIDE, SIDE) HU with a tumour in the inner slices; no two seeds are the same."""
    radii = [0, *(5 + (seed + k) % 5 for k in range(slices - 2)), 0]
    hu = np.stack([slice_hu(radius) for radius in radii])
    hu[:, 0, seed % SIDE] = seed
    return hu


def write_nifti(path: Path, seed: int, slices: int = 4) -> Path:
    """A NIfTI volume of `hu_of`; the ending of `path` says whether it is packed."""
    path.parent.mkdir(parents=True, exist_ok=True)
    affine = np.diag([-SPACING_MM[2], -SPACING_MM[1], SPACING_MM[0], 1.0])
    voxels = hu_of(seed, slices).transpose(2, 1, 0).astype(np.int16)
    nibabel.save(nibabel.Nifti1Image(voxels, affine), path)
    return path


def write_series(
    folder: Path, seed: int, number: int = 1, study: str = "", slices: int = 4, prefix: str = "s"
) -> list[Path]:
    """A DICOM series of `hu_of`, its files named without an ending, in no order; `study` is a UID."""
    folder.mkdir(parents=True, exist_ok=True)
    made = SimpleNamespace(
        hu=hu_of(seed, slices), spacing_mm=SPACING_MM, kind="volume", seed=f"{seed}-{number}"
    )
    paths = []
    for index in range(slices):
        dataset: pydicom.Dataset = dicom_slice(made, index)
        dataset.PatientName, dataset.PatientID, dataset.StudyID = "DOE^JANE", "4711", "1"
        dataset.SeriesNumber = number
        dataset.StudyInstanceUID = study or dataset.StudyInstanceUID
        path = folder / f"{prefix}{(index * 7 + 3) % 10}_{number}"
        dataset.save_as(path)
        paths.append(path)
    return paths
