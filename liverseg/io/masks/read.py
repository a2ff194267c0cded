"""Read a mask of any tool, as labels on the grid of a CT or alone."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import numpy as np

from liverseg.core import limits
from liverseg.core.image import CTImage
from liverseg.core.labels import LIVER, TUMOUR
from liverseg.core.labels_file import LabelsFile, find_hand_edits
from liverseg.core.segmentation import Segmentation
from liverseg.errors import InputTooLarge, InvalidSetting, LiversegError, UnreadableInput
from liverseg.io.masks.mapping import STRUCTURES, LabelMap, choose_labels
from liverseg.io.masks.mask import Mask
from liverseg.io.sniff import HEAD_BYTES, VOLUME_KINDS, sniff

_HASH_CHUNK_BYTES = 1024**2
_FORMATS = "NIfTI, NRRD, MetaImage, DICOM SEG, DICOM RTSTRUCT or PNG"


def read_labels(
    source: str | os.PathLike[str],
    ct: CTImage,
    label_map: LabelMap | None = None,
    original: str | os.PathLike[str] | None = None,
) -> Segmentation:
    """Labels of any tool for a CT, as a `Segmentation` without probabilities that `measure` takes.

    `source` is a file: NIfTI, NRRD (.seg.nrrd of 3D Slicer included), MetaImage, DICOM SEG or RTSTRUCT, or a
    PNG of label values for a single slice. It must lie on the grid of `ct`; other orders and directions of
    axes, and parts of the grid, are put in place without resampling. `label_map` has the values, numbers or
    names of labels for "liver" and "tumour"; None: they follow from the names in the file, or are 1 and 2.
    `original` is a file of the labels before they were corrected by hand: the report then says how many
    voxels differ.

    Raises a `LiversegError` for a file that cannot be read, for another grid, and where the labels do not say
    what is liver and tumour.
    """
    seg = labels_on(read_mask(source), ct, label_map)
    if original is None:
        return seg
    before = labels_on(read_mask(original), ct)
    assert seg.labels_file is not None
    return Segmentation.from_labels(seg.labels, seg.labels_file, find_hand_edits(before.labels, seg.labels))


def labels_on(mask: Mask, ct: CTImage, label_map: LabelMap | None = None) -> Segmentation:
    """The liver and the tumour of a mask on the grid of `ct`; where both are, it is tumour."""
    with _translated():
        checked = None if label_map is None else _checked_map(label_map)
        chosen = choose_labels(mask.labels, checked)
        labels = np.zeros(ct.shape, np.uint8)
        for value, wanted in ((LIVER, chosen.liver), (TUMOUR, chosen.tumour)):
            if wanted:
                labels[mask.region(wanted, ct)] = value
    liver, tumour = (tuple(one.number for one in wanted) for wanted in (chosen.liver, chosen.tumour))
    return Segmentation.from_labels(
        labels, LabelsFile(mask.format, mask.sha256, liver, tumour, chosen.left_out)
    )


def read_mask(source: str | os.PathLike[str]) -> Mask:
    """The mask in a file. Raises a `LiversegError` for a file that cannot be read and for other formats."""
    with _translated():
        path = Path(source)
        if not path.is_file():
            raise UnreadableInput("There is no file of labels at the path given.")
        if path.stat().st_size > limits.MAX_FILE_BYTES:
            raise InputTooLarge("The file of the labels is larger than 2 GiB.")
        with path.open("rb") as stream:
            kind = sniff(stream.read(HEAD_BYTES))
        # Readers are imported where they are needed: highdicom and nibabel are slow to load.
        if kind in VOLUME_KINDS:
            from liverseg.io.masks.volume_file import read_volume_mask

            return read_volume_mask(kind, path)
        if kind == "dicom":
            return _read_dicom(path)
        if kind == "png":
            from liverseg.io.masks.png import read_png_mask

            return read_png_mask(path)
    raise UnreadableInput(f"Labels are read from a file in the format {_FORMATS}.")


def _read_dicom(path: Path) -> Mask:
    import pydicom

    from liverseg.io.dicom.bounded_stream import inflate
    from liverseg.io.masks.dicom_kind import RTSTRUCT_CLASS, SEG_CLASSES

    digest = hashlib.sha256()
    with path.open("rb") as stream:
        while chunk := stream.read(_HASH_CHUNK_BYTES):
            digest.update(chunk)
        stream.seek(0)
        dataset = pydicom.dcmread(inflate(stream), force=True)
    sop_class = str(dataset.get("SOPClassUID", ""))
    if sop_class in SEG_CLASSES:
        from liverseg.io.masks.dicom_seg import seg_mask

        return seg_mask(dataset, digest.hexdigest())
    if sop_class == RTSTRUCT_CLASS:
        from liverseg.io.masks.rtstruct import contour_mask

        return contour_mask(dataset, digest.hexdigest())
    raise UnreadableInput("The DICOM file of labels is neither a SEG nor an RTSTRUCT.")


def _checked_map(label_map: LabelMap) -> dict[str, tuple[str, ...]]:
    """The map with text values; a caller from Python may give single values and numbers."""
    unknown = set(label_map) - set(STRUCTURES)
    if unknown or not label_map:
        raise InvalidSetting("A map of labels has the keys liver and tumour.")
    checked = {}
    for name, values in label_map.items():
        several = (values,) if isinstance(values, (str, int)) else values
        checked[name] = tuple(str(value) for value in several)
    return checked


@contextmanager
def _translated() -> Iterator[None]:
    """Turn every exception raised while reading into a `LiversegError`."""
    try:
        yield
    except LiversegError:
        raise
    except MemoryError as error:
        raise InputTooLarge("There is not enough memory to read the labels.") from error
    except OSError as error:
        raise UnreadableInput("The file of the labels may not be opened.") from error
    except Exception as error:  # on damaged bytes the readers raise exceptions of many classes
        raise UnreadableInput("The file of the labels is truncated or damaged.") from error
