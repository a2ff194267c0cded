"""What the page draws of a volume by itself: voxels of a few slices at a time, and a mesh (pure).

A slice is packed as four planes of bytes, each (H, W) and row by row: the low and the high byte of its HU as
int16, each HU less the one before it in its row (which packs to half the size), the labels, and the tumour
probability in 1/255. Whoever knows a stack's token may have them, as long as a session holds the stack.
"""

from __future__ import annotations

import gzip
import secrets
import threading
from weakref import WeakValueDictionary

import numpy as np

from liverseg.core.image import CTImage
from liverseg.core.segmentation import Segmentation
from liverseg.io.glb import encode, parts_of
from liverseg.rendering.mesh import Detail, check_meshable, make_meshes

MAX_SPAN = 16
"""Slices that are packed at once."""

LEVEL = 1
"""Of gzip: half of a CT is noise, which no other level makes smaller."""

SHOWN_DETAIL = Detail(liver=18_000, lesion=900, lesions=9_000)
"""Vertices of the mesh on the page: less than 1 MB on its way, whatever was found."""


class Stack:
    """The voxels of one result under a token that cannot be guessed; lives as long as what refers to it."""

    def __init__(self, ct: CTImage, seg: Segmentation, image: str | None = None) -> None:
        self.ct, self.seg = ct, seg
        self.image = image or secrets.token_urlsafe(9)  # the same for all results on one CT
        self.token = secrets.token_urlsafe(18)
        self._mesh: bytes | None = None
        self._making = threading.Lock()
        _known[self.token] = self

    def packed(self, first: int, last: int, overlay_only: bool = False) -> bytes:
        """Slices `first` to `last`, both included, as gzip; without their HU where only the overlay is new.

        Raises `IndexError` for slices that there are not, and for more than `MAX_SPAN`.
        """
        if not 0 <= first <= last < len(self.ct.hu) or last - first >= MAX_SPAN:
            raise IndexError("no such slices")
        planes = []
        for index in range(first, last + 1):
            planes += [] if overlay_only else _hu_planes(self.ct.hu[index])
            planes += [self.seg.labels[index], _in_255(self.seg.tumour_probability[index])]
        return gzip.compress(b"".join(plane.tobytes() for plane in planes), LEVEL, mtime=0)

    def mesh(self) -> bytes:
        """The surfaces as GLB, packed with gzip; made once, when it is first asked for.

        Raises `InvalidSetting` where the spacing is unknown.
        """
        with self._making:
            if self._mesh is None:
                check_meshable(self.ct)
                made = encode(parts_of(make_meshes(self.ct, self.seg, SHOWN_DETAIL)))
                self._mesh = gzip.compress(made, 6, mtime=0)
            return self._mesh


_known: WeakValueDictionary[str, Stack] = WeakValueDictionary()


def find_stack(token: str) -> Stack | None:
    """The stack of a token; None: there is none, or its session has dropped it."""
    return _known.get(token)


def _hu_planes(hu: np.ndarray) -> list[np.ndarray]:
    """A slice (H, W) in HU as its two planes of bytes.

    >>> [plane.tolist() for plane in _hu_planes(np.array([[-1000.0, -999.4, 300.0]]))]
    [[[24, 1, 19]], [[252, 0, 5]]]
    """
    whole = np.clip(np.rint(hu), -32768, 32767).astype(np.int16)
    whole[:, 1:] -= whole[:, :-1].copy()  # wraps around, as the sum of them does again
    steps = whole.view(np.uint16)
    return [(steps & 0xFF).astype(np.uint8), (steps >> 8).astype(np.uint8)]


def _in_255(probability: np.ndarray) -> np.ndarray:
    return np.rint(probability.astype(np.float32) * 255).astype(np.uint8)
