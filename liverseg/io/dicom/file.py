"""Builds CT images from DICOM frames, and reads a single DICOM file: a CT slice or an Enhanced CT volume."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import replace
from typing import BinaryIO

import numpy as np
import pydicom

from liverseg.core.image import CTImage, SliceReference
from liverseg.core.limits import check_shape
from liverseg.core.window import Window
from liverseg.errors import UnreadableInput
from liverseg.io.checks import hu_warnings, replace_padding
from liverseg.io.dicom.choose import choose_volume, series_infos
from liverseg.io.dicom.dataset import open_dataset, refuse_unless_ct, sop_class_of
from liverseg.io.dicom.decoder import FrameDecoder
from liverseg.io.dicom.frame_header import FrameHeader, with_common_rescale
from liverseg.io.dicom.frame_of_reference import with_frame_of_reference
from liverseg.io.dicom.modality_lut import modality_lut_of
from liverseg.io.dicom.pixels import hu_of, pixel_warnings, stored_frames
from liverseg.io.dicom.quantity import quantity_warnings
from liverseg.io.dicom.rescale import Rescale
from liverseg.io.dicom.series_info import SeriesInfo
from liverseg.io.dicom.slices import Slice, slices_of
from liverseg.io.dicom.stack import SliceStack
from liverseg.io.dicom.volumes import group_into_volumes
from liverseg.io.slice_levels import level_warnings


def read_dicom_file(stream: BinaryIO, window: Window, series: int | None = None) -> CTImage:
    """A DICOM file, open for reading, as a CTImage in HU: one slice, or the frames of an Enhanced CT.

    HU are `stored * slope + intercept` in float32, with the rescale of the file or of the frame; padding
    becomes air. `window` only matters for 8-bit grey without a rescale. If the frames form several volumes,
    `series` (from 1) names one. Raises NotCT for other modalities, localizers, colour, secondary captures and
    lone slices that are not axial, and SeriesChoice as `choose.choose_volume` does.
    """
    dataset = open_dataset(stream)
    refuse_unless_ct(dataset)
    slices = slices_of(dataset, 0)
    check_shape(1, int(dataset.Rows), int(dataset.Columns))
    chosen, warnings = choose_volume(group_into_volumes(slices, _same_pixels), series)
    indices = {one.number: index for index, one in enumerate(chosen.slices)}
    image = build_image([one.frame for one in chosen.slices], chosen.stack, [(dataset, indices)], window)
    return replace(image, warnings=(*image.warnings, *warnings))


def series_in_file(stream: BinaryIO) -> tuple[SeriesInfo, ...]:
    """Describes each volume in a DICOM file. Raises as `read_dicom_file`, except for SeriesChoice."""
    dataset = open_dataset(stream, pixels=False)
    refuse_unless_ct(dataset, pixels=False)
    return series_infos(group_into_volumes(slices_of(dataset, 0), _same_pixels))


def _same_pixels(one: Slice, other: Slice) -> bool:
    return False  # frames of one file are not copies of each other


def build_image(
    frames: list[FrameHeader],
    stack: SliceStack,
    sources: Iterable[tuple[pydicom.Dataset, Mapping[int, int]]],
    window: Window,
) -> CTImage:
    """A CTImage from frame headers, `stack_frames(frames)` and the datasets that hold the pixels.

    `sources` yields (dataset, {number of a frame in it: index into `frames`}). Each dataset is decoded and
    released before the next one is requested, and each slice is written to its final place at once, so the
    volume is held in memory only once. Raises UnreadableInput if a frame is missing.
    """
    rank = {frame: k for k, frame in enumerate(stack.order)}
    hu = np.empty(stack.native.radiological_shape, np.float32)
    native = stack.native.native_view(hu)
    planes = native if len(stack.native.shape) == 3 else native.transpose(2, 0, 1)  # slices first
    references: list[SliceReference] = [None] * len(frames)  # type: ignore[list-item]  # filled below
    warnings: dict[str, None] = dict.fromkeys(stack.warnings)  # ordered, each sentence once
    rescales, lacking = with_common_rescale(frames)
    without_rescale: dict[int, bool] = {}  # by native slice: whether it holds the stored values
    any_through_window, filled = False, 0
    with FrameDecoder() as decoder:
        for dataset, indices in sources:
            lut = modality_lut_of(dataset)
            for number, stored in enumerate(stored_frames(dataset, decoder)):
                if number not in indices:
                    continue
                index = indices[number]
                references[rank[index]] = slice_reference(dataset, frames[index], number + 1)
                rescale = lut or rescales[index]
                if index in lacking:
                    without_rescale[rank[index]] = int(dataset.BitsStored) > 8  # fewer bits hold no HU
                given = None if without_rescale.get(rank[index]) else rescale
                plane, through_window, sentences = hu_of(stored, dataset, given, window)
                planes[rank[index]] = plane
                filled += 1
                any_through_window |= through_window
                warnings |= dict.fromkeys(
                    (
                        *quantity_warnings(frames[index].quantity),
                        *pixel_warnings(dataset, rescale, window),
                        *sentences,
                    )
                )
    if filled != len(frames):
        raise UnreadableInput("The DICOM image is truncated: it has fewer frames than it declares.")
    numbers = _slice_numbers(stack, len(frames))
    for k in sorted(without_rescale):
        done = _settle_rescale(planes, k, without_rescale, rescales[stack.order[k]])
        warnings[f"Slice {numbers[k]} of {len(frames)} has no rescale to HU, unlike the others: {done}."] = (
            None
        )
    if not any_through_window:
        warnings |= dict.fromkeys((*hu_warnings(hu), *level_warnings(hu)))
    source, frame_warning = with_frame_of_reference(references)
    if frame_warning:
        warnings[frame_warning] = None
    return CTImage(
        hu=hu,
        spacing_mm=stack.spacing_mm,
        spacing_source=stack.spacing_source,
        source_format="dicom",
        native=stack.native,
        kind="slice" if hu.shape[0] == 1 else "volume",
        assumed_window=window if any_through_window else None,
        warnings=tuple(warnings),
        orientation_known=stack.orientation_known,
        source=source,
    )


def _slice_numbers(stack: SliceStack, count: int) -> range:
    """The number (from 1) by which a user knows each native slice: from the feet where slices are axial."""
    is_from_head = len(stack.native.shape) == 3 and stack.native.axes[0] == 0 and stack.native.flipped[0]
    return range(count, 0, -1) if is_from_head else range(1, count + 1)


def _settle_rescale(planes: np.ndarray, k: int, without: Mapping[int, bool], rescale: Rescale) -> str:
    """Choose how to read slice k, which has no rescale, by the slice next to it; returns what was done.

    `planes` (S, rows, columns) are the slices. `without` has the slices without rescale, and whether they
    hold stored values or were read with `rescale`, which is that of the others. Slice k is changed in place
    if it holds stored values and `rescale` fits better.
    """
    if not without[k]:
        return "that of the others was used"
    neighbour = min((n for n in range(len(planes)) if n not in without), key=lambda n: abs(n - k))
    rescaled = planes[k] * np.float32(rescale.slope) + np.float32(rescale.intercept)
    replace_padding(rescaled)
    differences = [np.median(np.abs(plane - planes[neighbour])) for plane in (rescaled, planes[k])]
    if differences[0] > differences[1]:
        return "its values were taken as HU, which fits the slice next to it"
    planes[k] = rescaled
    return "that of the others was used, which fits the slice next to it"


def slice_reference(dataset: pydicom.Dataset, frame: FrameHeader, number: int) -> SliceReference:
    """The reference to frame `number` (from 1) of a CT image; "" or None for what the file does not give."""
    instance = dataset.get("SOPInstanceUID") or dataset.file_meta.get("MediaStorageSOPInstanceUID")
    study, series, frame_of_reference = (
        str(dataset.get(keyword) or "")
        for keyword in ("StudyInstanceUID", "SeriesInstanceUID", "FrameOfReferenceUID")
    )
    return SliceReference(
        study_uid=study,
        series_uid=series,
        frame_of_reference_uid=frame_of_reference,
        sop_class_uid=sop_class_of(dataset),
        sop_instance_uid=str(instance or ""),
        frame_number=number if dataset.get("PerFrameFunctionalGroupsSequence") else None,
        orientation=frame.orientation,
        position_mm=frame.position_mm,
        pixel_spacing_mm=frame.pixel_spacing_mm,
        thickness_mm=frame.thickness_mm,
    )
