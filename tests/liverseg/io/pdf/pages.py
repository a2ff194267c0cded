"""Results to print and the text of a printed page, read with pypdf."""

from __future__ import annotations

import io
from dataclasses import replace

import numpy as np
import pypdf

from liverseg.analysis.measure import measure
from liverseg.core.geometry import orthogonal_affine, upright_grid
from liverseg.core.image import CTImage
from liverseg.core.segmentation import CheckpointIdentity, Segmentation

IDENTITY = CheckpointIdentity(
    "segformer-b0@1.0.1", "0123456789abcdef" * 4, "hf://owner", "c0ffee" * 6 + "beef"
)
SPACING_MM = (4.0, 0.9, 0.7)


def result(labels: np.ndarray, spacing_mm=SPACING_MM, **facts):
    """Image, segmentation and report for a label map (S, H, W)."""
    rng = np.random.default_rng(0)
    hu = np.where(labels == 2, 60, 100).astype(np.float32)
    probability = np.where(labels == 2, rng.uniform(0.6, 1, labels.shape), 0.1).astype(np.float32)
    native = upright_grid(labels.shape)
    if spacing_mm is not None:
        native = replace(native, affine=orthogonal_affine(spacing_mm)[:, [2, 1, 0, 3]])
    kind = "volume" if len(labels) > 1 else "slice"
    source = "unknown" if spacing_mm is None else "NIfTI header"
    ct = CTImage(hu, spacing_mm, source, "nifti", native, kind, sha256="fedc" * 16, **facts)
    seg = Segmentation(labels, probability, probability, 0.4, IDENTITY, "torch 2.13, float32")
    return ct, seg, measure(ct, seg)


def scan(lesions: int = 3, slices: int = 12) -> np.ndarray:
    """A label map with a liver and separate lesions in it."""
    labels = np.zeros((slices, 96, 128), np.uint8)
    labels[2 : slices - 2, 10:80, 10:110] = 1
    for k in range(lesions):
        y, x, z = 12 + 8 * (k // 12 % 8), 12 + 8 * (k % 12), 3 + k % (slices - 6)
        labels[z : z + 1 + (k < 3), y : y + 3 + (k < 2), x : x + 4] = 2
    return labels


def read_back(pdf: bytes) -> tuple[pypdf.PdfReader, str]:
    """The file and the text of its only page."""
    reader = pypdf.PdfReader(io.BytesIO(pdf))
    (page,) = reader.pages
    return reader, page.extract_text().replace("\u00a0", " ")
