"""The rule for volumes: only the largest connected body of liver and tumour is kept.

A body is a 26-connected component of liver and tumour together. The largest has the most voxels; of equal
ones, the one whose first voxel comes first, from the lowest slice on. All others are removed, whatever their
label, and counted.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from liverseg.core.components import Components, find_components
from liverseg.core.labels import BACKGROUND, LIVER, TUMOUR


@dataclass(frozen=True)
class RemovedComponents:
    """The bodies that the rule removed, and their voxels."""

    bodies: int
    liver: int  # voxels that were labelled liver
    tumour: int  # voxels that were labelled tumour
    largest: int  # voxels of the largest removed body

    @property
    def voxels(self) -> int:
        """Removed voxels of liver and tumour together."""
        return self.liver + self.tumour


NOTHING_REMOVED = RemovedComponents(0, 0, 0, 0)


def find_bodies(labels: np.ndarray) -> Components:
    """The bodies of labels (S, H, W)."""
    return find_components(lambda z: labels[z] > BACKGROUND, len(labels))


def keep_largest_body(labels: np.ndarray, bodies: Components | None = None) -> RemovedComponents:
    """Set all but the largest body of labels (S, H, W) to background, in place; returns what was removed.

    `bodies` are the bodies of `labels` if the caller has them already.

    >>> labels = np.array([[[1, 1, 0, 2]], [[1, 2, 0, 0]]], np.uint8)
    >>> keep_largest_body(labels)
    RemovedComponents(bodies=1, liver=0, tumour=1, largest=1)
    >>> labels.tolist()
    [[[1, 1, 0, 0]], [[1, 2, 0, 0]]]
    """
    bodies = find_bodies(labels) if bodies is None else bodies
    if len(bodies) < 2:
        return NOTHING_REMOVED
    largest = int(bodies.sizes.argmax())
    liver = tumour = 0
    others = np.arange(len(bodies)) != largest
    for z, plane in enumerate(labels):
        if not bodies.voxels(z, largest)[1]:
            continue
        mask = bodies.plane(z, others)
        counts = np.bincount(plane[mask], minlength=3)
        liver, tumour = liver + int(counts[LIVER]), tumour + int(counts[TUMOUR])
        plane[mask] = BACKGROUND
    return RemovedComponents(len(bodies) - 1, liver, tumour, int(bodies.sizes[others].max()))
