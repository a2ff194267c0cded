"""Voxels of a few slices at a time and a mesh, for the page to draw a volume in the browser.

A slice is packed as four planes of bytes, each (H, W) in row-major order: the low and the high byte of its HU
as int16, each HU as the difference from its left neighbour (which halves the packed size), the labels (3 is
an unsure lesion; bits 4 and 5 hold the label of the truth where it is known), and the tumour probability in
1/255. A coronal or sagittal section is packed in the same way. A token gives access as long as a session
holds the voxels.
"""

from __future__ import annotations

import gzip
import secrets
import threading
from collections.abc import Sequence
from functools import cached_property
from weakref import WeakValueDictionary

import numpy as np

from liverseg.analysis.lesions import Lesion
from liverseg.app.state.lesion_places import LesionPlace, lesion_places
from liverseg.app.state.truth_dice import TruthDice, dice_against_truth
from liverseg.core.image import CTImage
from liverseg.core.segmentation import Segmentation
from liverseg.io.glb import encode_glb, gltf_surfaces
from liverseg.rendering.mesh import Detail, check_meshable, make_meshes
from liverseg.rendering.planes import PLANES, label_section, section

MAX_SPAN = 16
"""Largest number of slices in one answer."""

LEVEL = 1
"""Gzip level: half of a CT is noise, which no higher level makes smaller."""

TRUTH_SHIFT = 4
"""The label of the truth is in the labels from this bit on."""

SHOWN_DETAIL = Detail(liver=18_000, lesion=900, lesions=9_000)
"""Largest numbers of vertices in the mesh on the page, which keep it below 1 MB."""


class VoxelStore:
    """The voxels of one result, under a token that cannot be guessed; dropped with its last reference."""

    def __init__(
        self, ct: CTImage, seg: Segmentation, image: str | None = None, truth: np.ndarray | None = None
    ) -> None:
        """`truth` (S, H, W) uint8 has the labels 0, 1 and 2 of the truth; None: there is no truth."""
        self.ct, self.seg, self.truth = ct, seg, truth
        self.image = image or secrets.token_urlsafe(9)  # one for all results on the same CT
        self.token = secrets.token_urlsafe(18)
        self._mesh: bytes | None = None
        self._making = threading.Lock()
        self._places: tuple[Sequence[Lesion], list[LesionPlace]] | None = None
        _known[self.token] = self

    def packed(self, first: int, last: int, overlay_only: bool = False) -> bytes:
        """Slices `first` to `last`, both included, as gzip; `overlay_only` leaves out their HU.

        Raises `IndexError` for slices outside the volume, and for more than `MAX_SPAN`.
        """
        if not 0 <= first <= last < len(self.ct.hu) or last - first >= MAX_SPAN:
            raise IndexError("no such slices")
        planes = []
        for index in range(first, last + 1):
            planes += self._planes("axial", index, overlay_only)
        return _packed(planes)

    def packed_section(self, plane: str, index: int, overlay_only: bool = False) -> bytes:
        """One view, the head up, packed as a slice; `plane` is a key of `liverseg.rendering.planes.PLANES`.

        Raises `IndexError` for an unknown plane and for a section outside the volume.
        """
        if plane not in PLANES or not 0 <= index < self.ct.shape[PLANES[plane].axis]:
            raise IndexError("no such section")
        return _packed(self._planes(plane, index, overlay_only))

    def _planes(self, name: str, index: int, overlay_only: bool) -> list[np.ndarray]:
        plane = PLANES[name]
        labels = label_section(self.seg, plane, index)
        if self.truth is not None:
            labels = labels | section(self.truth, plane, index) << TRUTH_SHIFT
        hu = [] if overlay_only else _hu_planes(section(self.ct.hu, plane, index))
        return [*hu, labels, _as_bytes(section(self.seg.tumour_probability, plane, index))]

    def lesion_places(self, lesions: Sequence[Lesion]) -> list[LesionPlace]:
        """The places of the lesions of this result; computed once for the same `lesions`."""
        if self._places is None or self._places[0] is not lesions:
            self._places = lesions, lesion_places(self.seg, lesions)
        return self._places[1]

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


def _packed(planes: list[np.ndarray]) -> bytes:
    return gzip.compress(b"".join(plane.tobytes() for plane in planes), LEVEL, mtime=0)


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
