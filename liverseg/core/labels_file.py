"""Labels that no checkpoint of liverseg made: where they come from, and a segmentation of them alone."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from liverseg.core.labels import LIVER, TUMOUR

NO_CHECKPOINT_REF = "labels from a file"
"""Stands for the checkpoint in files that must name an algorithm; reports have null instead."""


@dataclass(frozen=True)
class LabelsFile:
    """The file that labels were read from, and which of its labels are liver and tumour.

    Names of labels are left out, because people write them freely.
    """

    format: str  # "nifti", "nrrd", "metaimage", "dicom seg", "dicom rtstruct", "png" or "array"
    sha256: str | None = None  # of the file; None: an array
    liver: tuple[int, ...] = (LIVER,)  # label values, or numbers of segments or ROIs
    tumour: tuple[int, ...] = (TUMOUR,)  # (): the file has no label of tumours
    left_out: int = 0  # the number of its labels that are neither


@dataclass(frozen=True)
class HandEdits:
    """What was changed by hand in the labels of a result, in pixels or voxels.

    The liver is label 1, without its tumours.
    """

    changed: int  # pixels or voxels whose label is another one
    liver_added: int
    liver_removed: int
    tumour_added: int
    tumour_removed: int


def find_hand_edits(before: np.ndarray, after: np.ndarray) -> HandEdits | None:
    """The differences between two label arrays (S, H, W) of 0, 1 and 2; None where they are equal.

    >>> find_hand_edits(np.array([[[0, 1, 2]]]), np.array([[[1, 1, 1]]]))
    HandEdits(changed=2, liver_added=2, liver_removed=0, tumour_added=0, tumour_removed=1)
    """
    differs = before != after
    changed = int(np.count_nonzero(differs))
    if not changed:
        return None
    old, new = before[differs], after[differs]
    counts = [int(np.count_nonzero(side == label)) for label in (LIVER, TUMOUR) for side in (new, old)]
    return HandEdits(changed, *counts)
