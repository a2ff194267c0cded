"""Mask files as other tools write them."""

from __future__ import annotations

import gzip
from pathlib import Path

import nibabel
import numpy as np

CT_AFFINE = np.array([[-0.8, 0, 0, 120], [0, -0.9, 0, 90], [0, 0, 5.0, -300], [0, 0, 0, 1.0]])
"""From (x, y, z) to RAS mm, of a CT whose axes run to the left, to posterior and to superior."""


def scan_and_labels(folder: Path) -> tuple[Path, np.ndarray]:
    """A NIfTI CT of 64 × 80 × 6 voxels, and labels (x, y, z) of 0, 1 and 2 without any symmetry."""
    hu = np.random.default_rng(1).normal(40, 200, (64, 80, 6)).astype(np.int16)
    labels = np.zeros(hu.shape, np.uint8)
    labels[8:40, 12:50, 1:5] = 1
    labels[10:18, 14:20, 2:4] = 2
    labels[30:33, 40:49, 3] = 2
    path = folder / "ct.nii.gz"
    nibabel.save(nibabel.Nifti1Image(hu, CT_AFFINE), path)
    return path, labels


def radiological(labels: np.ndarray) -> np.ndarray:
    """Labels (x, y, z) of `scan_and_labels` on the grid of its CT, (S, H, W)."""
    return labels.transpose(2, 1, 0)


def total_segmentator(path: Path, values: np.ndarray, names: dict[int, str]) -> Path:
    """A multi-label file of TotalSegmentator: NIfTI with the names in a CaretExtension."""
    table = "".join(
        f'<Label Key="{key}" Red="1.0" Green="0.5" Blue="0.0" Alpha="1"><![CDATA[{name}]]></Label>\n'
        for key, name in names.items()
    )
    xml = (
        '<?xml version="1.0" encoding="UTF-8"?> <CaretExtension>  <Date><![CDATA[2013-07-14]]></Date>'
        f'   <VolumeInformation Index="0">   <LabelTable>{table}  </LabelTable>  <StudyMetaDataLinkSet>  '
        "</StudyMetaDataLinkSet>  <VolumeType><![CDATA[Label]]></VolumeType>   </VolumeInformation>"
        "</CaretExtension>"
    )
    image = nibabel.Nifti1Image(values, CT_AFFINE)
    image.header.extensions.append(nibabel.nifti1.Nifti1Extension(0, xml.encode()))
    nibabel.save(image, path)
    return path


def slicer_segmentation(
    path: Path, layers: list[np.ndarray], segments: list[tuple[str, int, int]], start=(0, 0, 0)
) -> Path:
    """A .seg.nrrd of 3D Slicer: layers (x, y, z), and name, label value and layer of each segment.

    `start` is the first voxel of the layers on the grid of the CT.
    """
    to_lps = np.diag([-1.0, -1.0, 1.0, 1.0]) @ CT_AFFINE
    vectors = ["({:g},{:g},{:g})".format(*to_lps[:3, k]) for k in range(3)]
    origin = "({:g},{:g},{:g})".format(*(to_lps @ [*start, 1])[:3])
    sizes, kinds = list(layers[0].shape), ["domain"] * 3
    data = layers[0].ravel(order="F")
    if len(layers) > 1:
        sizes, kinds, vectors = [len(layers), *sizes], ["list", *kinds], ["none", *vectors]
        data = np.stack(layers).ravel(order="F")
    lines = [
        "NRRD0004", "type: unsigned char", f"dimension: {len(sizes)}", "space: left-posterior-superior",
        f"sizes: {' '.join(map(str, sizes))}", f"space directions: {' '.join(vectors)}",
        f"kinds: {' '.join(kinds)}", "encoding: gzip", f"space origin: {origin}",
    ]  # fmt: skip
    for k, (name, value, layer) in enumerate(segments):
        lines += [
            f"Segment{k}_ID:=Segment_{k}", f"Segment{k}_LabelValue:={value}", f"Segment{k}_Layer:={layer}",
            f"Segment{k}_Name:={name}",
            f"Segment{k}_Tags:=TerminologyEntry:Segmentation category and type - 3D Slicer General Anatomy",
        ]  # fmt: skip
    header = "\n".join([*lines, "Segmentation_MasterRepresentation:=Binary labelmap", "", ""])
    path.write_bytes(header.encode() + gzip.compress(data.astype(np.uint8).tobytes()))
    return path
