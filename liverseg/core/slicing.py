"""Extraction of one slice of a volume as a single-slice image, which is measured in mm² instead of mL."""

from __future__ import annotations

from dataclasses import replace

from liverseg.core.image import CTImage, NativeGrid, SliceReference
from liverseg.core.segmentation import Segmentation
from liverseg.errors import InvalidSetting


def check_slice(ct: CTImage, index: int) -> int:
    """Return `index` if `ct` has that slice; raise `InvalidSetting` otherwise."""
    if not 0 <= index < len(ct.hu):
        last = len(ct.hu) - 1
        raise InvalidSetting(
            f"There is no slice {index}: " + (f"slices go from 0 to {last}." if last else "there is one.")
        )
    return index


def single_slice(ct: CTImage, index: int) -> CTImage:
    """Slice `index` of `ct` as a (1, H, W) image of kind "slice", at its position in the patient."""
    check_slice(ct, index)
    if len(ct.hu) == 1:
        return ct
    note = f"Only slice {index} of the volume's {len(ct.hu)} was segmented and measured."
    return replace(
        ct,
        hu=ct.hu[index : index + 1],
        native=_grid_of_slice(ct.native, index),
        kind="slice",
        warnings=(*ct.warnings, note),
        source=_source_of_slice(ct, index),
    )


def _source_of_slice(ct: CTImage, index: int) -> tuple[SliceReference, ...]:
    """The DICOM reference of slice `index`; empty if the files' slices run along another axis."""
    if not ct.source or ct.native.axes[0] != 0:
        return ()
    native_index = len(ct.source) - 1 - index if ct.native.flipped[0] else index
    return ct.source[native_index : native_index + 1]


def _grid_of_slice(native: NativeGrid, index: int) -> NativeGrid:
    """The native grid of slice `index` of the radiological grid."""
    axis = native.axes[0]
    shape, affine = list(native.shape), native.affine
    if affine is not None:
        affine = affine.copy()
        affine[:3, 3] += affine[:3, axis] * (shape[axis] - 1 - index if native.flipped[0] else index)
    shape[axis] = 1
    return replace(native, shape=tuple(shape), affine=affine)


def single_slice_segmentation(seg: Segmentation, index: int) -> Segmentation:
    """The segmentation of slice `index` alone, with arrays (1, H, W).

    The lesion rules of `seg` decide the candidates of the slice anew, and rejections follow their voxels;
    `seg` keeps its labels.
    """
    selection = slice(index, index + 1)
    chosen = replace(
        seg,
        labels=seg.labels[selection].copy(),  # the decision changes them in place
        tumour_probability=seg.tumour_probability[selection],
        organ_probability=seg.organ_probability[selection],
        removed=None,
        skipped=(),
        rejections=None if seg.rejections is None else seg.rejections.of_slice(index),
    )
    return chosen.with_lesions(seg.lesion_rules)  # the candidates refer to the slices of the volume
