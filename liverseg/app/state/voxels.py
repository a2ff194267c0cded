"""Voxels of a few slices at a time and a mesh, for the page to draw a volume in the browser.

A slice is packed as four planes of bytes, each (H, W) in row-major order: the low and the high byte of its HU
as int16, each HU as the difference from its left neighbour (which halves the packed size), the labels (3 is
an unsure lesion; bits 4 and 5 hold the truth of an example), and the tumour probability in 1/255. A token
gives access as long as a session holds the voxels.
"""

from __future__ import annotations

import gzip
import secrets
import threading
from functools import cached_property
from weakref import WeakValueDictionary

import numpy as np

from liverseg.app.state.truth_dice import TruthDice, dice_against_truth
from liverseg.core.image import CTImage
from liverseg.core.segmentation import Segmentation
from liverseg.io.glb import encode_glb, gltf_surfaces
from liverseg.rendering.mesh import Detail, check_meshable, make_meshes

MAX_SPAN = 16
"""Largest number of slices in one answer."""

LEVEL = 1
"""Gzip level: half of a CT is noise, which no higher level makes smaller."""

TRUTH_SHIFT = 4
"""Lowest bit of the truth's label in the plane of the labels."""

SHOWN_DETAIL = Detail(liver=18_000, lesion=900, lesions=9_000)
"""Largest numbers of vertices in the mesh on the page, which keep it below 1 MB."""


class VoxelStore:
    """The voxels of one result, under a token that cannot be guessed; dropped with its last reference."""

    def __init__(
        self, ct: CTImage, seg: Segmentation, image: str | None = None, truth: np.ndarray | None = None
    ) -> None:
        self.ct, self.seg, self.truth = ct, seg, truth
        self.image = image or secrets.token_urlsafe(9)  # one for all results on the same CT
        self.token = secrets.token_urlsafe(18)
        self._mesh: bytes | None = None
        self._making = threading.Lock()
        _known[self.token] = self

    def packed(self, first: int, last: int, overlay_only: bool = False) -> bytes:
        """Slices `first` to `last`, both included, as gzip; `overlay_only` leaves out their HU.

        Raises `IndexError` for slices outside the volume, and for more than `MAX_SPAN`.
        """
        if not 0 <= first <= last < len(self.ct.hu) or last - first >= MAX_SPAN:
            raise IndexError("no such slices")
        planes = []
        for index in range(first, last + 1):
            planes += [] if overlay_only else _hu_planes(self.ct.hu[index])
            planes += [self._labels(index), _as_bytes(self.seg.tumour_probability[index])]
        return gzip.compress(b"".join(plane.tobytes() for plane in planes), LEVEL, mtime=0)

    def _labels(self, index: int) -> np.ndarray:
        labels = self.seg.labels_with_unsure(index)
        return labels if self.truth is None else labels | (self.truth[index] << TRUTH_SHIFT)

    @cached_property
    def truth_dice(self) -> TruthDice | None:
        """Dice of the result against the truth; None where the truth is unknown."""
        return None if self.truth is None else dice_against_truth(self.seg, self.truth)

    def mesh(self) -> bytes:
        """The surfaces as GLB, packed with gzip; computed once, on first use.

        Raises `InvalidSetting` where the spacing is unknown.
        """
        with self._making:
            if self._mesh is None:
                check_meshable(self.ct)
                made = encode_glb(gltf_surfaces(make_meshes(self.ct, self.seg, SHOWN_DETAIL)))
                self._mesh = gzip.compress(made, 6, mtime=0)
            return self._mesh


_known: WeakValueDictionary[str, VoxelStore] = WeakValueDictionary()


def find_voxels(token: str) -> VoxelStore | None:
    """The voxels under a token; None where there are none, or their session has ended."""
    return _known.get(token)


def _hu_planes(hu: np.ndarray) -> list[np.ndarray]:
    """The two byte planes of a slice (H, W) in HU.

    >>> [plane.tolist() for plane in _hu_planes(np.array([[-1000.0, -999.4, 300.0]]))]
    [[[24, 1, 19]], [[252, 0, 5]]]
    """
    whole = np.clip(np.rint(hu), -32768, 32767).astype(np.int16)
    whole[:, 1:] -= whole[:, :-1].copy()  # wraps around, and so does the sum that restores it
    steps = whole.view(np.uint16)
    return [(steps & 0xFF).astype(np.uint8), (steps >> 8).astype(np.uint8)]


def _as_bytes(probability: np.ndarray) -> np.ndarray:
    return np.rint(probability.astype(np.float32) * 255).astype(np.uint8)
