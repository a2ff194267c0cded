"""Read reference labels (the truth) of a CT: liver and tumour on the grid of its image."""

from __future__ import annotations

from contextlib import ExitStack
from pathlib import Path

import cv2
import numpy as np

from liverseg.core import limits
from liverseg.core.image import CTImage
from liverseg.core.labels import BACKGROUND, LIVER, TUMOUR
from liverseg.errors import InputTooLarge, LiversegError, UnreadableInput
from liverseg.io.sniff import HEAD_BYTES, VOLUME_KINDS, sniff
from liverseg.io.volume.open import open_volume
from liverseg.io.volume.places import on_disk
from liverseg.io.volume.voxels import read_voxels

GRID_TOLERANCE_MM = 0.1
"""Largest distance between corners of the grids of the labels and of the image."""


def read_labels(path: str | Path, ct: CTImage) -> np.ndarray:
    """The labels of a volume file or PNG for `ct`: (S, H, W) uint8 with 0 background, 1 liver, 2 tumour.

    A PNG holds one slice on the grid of the image's file; a NIfTI, NRRD or MetaImage file holds a slice or a
    volume in any orientation. Raises a `LiversegError` for a file that cannot be read, for another grid than
    that of `ct` and for other values.
    """
    try:
        labels = _read(Path(path), ct)
    except LiversegError:
        raise
    except OSError as error:
        raise UnreadableInput(
            "The truth cannot be read: its file is missing or may not be opened."
        ) from error
    except Exception as error:  # on damaged bytes nibabel and OpenCV raise exceptions of many classes
        raise UnreadableInput("The truth cannot be read: its file is truncated or damaged.") from error
    if labels.shape != ct.hu.shape:
        raise UnreadableInput(
            f"The truth has {_size(labels.shape)} pixels and the CT {_size(ct.hu.shape)}; they must be equal."
        )
    known = np.isin(labels, (BACKGROUND, LIVER, TUMOUR))
    if not known.all():
        other = f"{labels[~known][0]:g}"
        raise UnreadableInput(
            f"The truth holds the value {other}; only 0, 1 (liver) and 2 (tumour) are allowed."
        )
    return np.ascontiguousarray(labels, np.uint8)


def _read(path: Path, ct: CTImage) -> np.ndarray:
    with path.open("rb") as stream:
        kind = sniff(stream.read(HEAD_BYTES))
        size_bytes = stream.seek(0, 2)
        if size_bytes > limits.MAX_FILE_BYTES:
            raise InputTooLarge("The file of the truth is larger than 2 GiB.")
        stream.seek(0)
        if kind == "png":
            return _of_png(stream.read(), ct)
    if kind not in VOLUME_KINDS:
        raise UnreadableInput("The truth must be a NIfTI, NRRD, MetaImage or PNG file.")
    with ExitStack() as stack:
        volume = open_volume(kind, *on_disk(path), stack)
        labels, native, _ = read_voxels(volume.stream, volume.header)
    own, theirs = native.radiological_affine, ct.native.radiological_affine
    are_known = any(native.affine_codes) and any(ct.native.affine_codes)
    if are_known and own is not None and theirs is not None and labels.shape == ct.hu.shape:
        corners = np.array([(z, y, x, 1) for z in (0, 1) for y in (0, 1) for x in (0, 1)], float)
        corners[:, :3] *= np.array(labels.shape) - 1
        if np.abs(corners @ (own - theirs).T).max() > GRID_TOLERANCE_MM:
            raise UnreadableInput("The truth lies on another grid than the CT: their headers differ.")
    return labels


def _of_png(data: bytes, ct: CTImage) -> np.ndarray:
    stored = cv2.imdecode(np.frombuffer(data, np.uint8), cv2.IMREAD_UNCHANGED)
    if stored is None or stored.ndim != 2:
        raise UnreadableInput("The truth is not a grey PNG of label values.")
    native = ct.native.shape
    same_grid = stored.size == np.prod(native) and stored.shape == tuple(n for n in native if n > 1)
    return ct.native.to_radiological(stored.reshape(native)) if same_grid else stored[None]


def _size(shape: tuple[int, ...]) -> str:
    return " × ".join(map(str, shape))
