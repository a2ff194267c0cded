"""The rule for volumes: the liver is the largest connected body, and tumour lies within or at it (pure).

A body is a 26-connected component of liver and tumour together; the largest is the one with most
voxels, of equal ones the lowest. All others are removed, whatever their label, and counted.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from liverseg.core.components import Components, find_components
from liverseg.core.labels import BACKGROUND, LIVER, TUMOUR


@dataclass(frozen=True)
class Removed:
    """What the rule took away, in voxels."""

    bodies: int
    liver: int  # voxels that were labelled liver
    tumour: int  # voxels that were labelled tumour
    largest: int  # voxels of the largest of the bodies

    @property
    def voxels(self) -> int:
        """Of liver and tumour together."""
        return self.liver + self.tumour


NOTHING_REMOVED = Removed(0, 0, 0, 0)


def bodies_of(labels: np.ndarray) -> Components:
    """The bodies of labels (S, H, W)."""
    return find_components(lambda z: labels[z] > BACKGROUND, len(labels))


def keep_largest_body(labels: np.ndarray, bodies: Components | None = None) -> Removed:
    """Set all but the largest body of labels (S, H, W) to background, in place; tells what that took.

    `bodies` are those of the labels, where they are known already.

    >>> labels = np.array([[[1, 1, 0, 2]], [[1, 2, 0, 0]]], np.uint8)
    >>> keep_largest_body(labels)
    Removed(bodies=1, liver=0, tumour=1, largest=1)
    >>> labels.tolist()
    [[[1, 1, 0, 0]], [[1, 2, 0, 0]]]
    """
    bodies = bodies_of(labels) if bodies is None else bodies
    if len(bodies) < 2:
        return NOTHING_REMOVED
    kept = int(bodies.sizes.argmax())
    liver = tumour = 0
    others = np.arange(len(bodies)) != kept
    for z, plane in enumerate(labels):
        if not bodies.voxels(z, kept)[1]:
            continue
        gone = bodies.plane(z, others)
        lost = np.bincount(plane[gone], minlength=3)
        liver, tumour = liver + int(lost[LIVER]), tumour + int(lost[TUMOUR])
        plane[gone] = BACKGROUND
    return Removed(len(bodies) - 1, liver, tumour, int(bodies.sizes[others].max()))
