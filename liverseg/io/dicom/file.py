"""One DICOM file: a CT slice, or the volume of an Enhanced CT."""

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
from liverseg.io.checks import hu_warnings
from liverseg.io.dicom.choose import choose, infos
from liverseg.io.dicom.dataset import open_dataset, refuse_unless_ct, sop_class_of
from liverseg.io.dicom.decoder import FrameDecoder
from liverseg.io.dicom.pixels import hu_of, pixel_warnings, stored_frames
from liverseg.io.dicom.series_info import SeriesInfo
from liverseg.io.dicom.slices import Slice, slices_of
from liverseg.io.dicom.stack import Frame, Stack
from liverseg.io.dicom.volumes import volumes


def read_dicom_file(stream: BinaryIO, window: Window, series: int | None = None) -> CTImage:
    """A DICOM file, open for reading, as a CTImage in HU, of one slice or of an Enhanced CT's frames.

    HU are `stored * slope + intercept` in float32, with the file's own (or the frame's own) rescale;
    padding becomes air. `window` only matters for 8-bit grey without a rescale. The frames may be several
    volumes, of which `series` is one. Raises NotCT for other modalities, localizers, colour, secondary
    captures and lone slices that are not axial.
    """
    dataset = open_dataset(stream)
    refuse_unless_ct(dataset)
    slices = slices_of(dataset, 0)
    check_shape(1, int(dataset.Rows), int(dataset.Columns))
    chosen, notes = choose(volumes(slices, _same_pixels), series)
    wanted = {one.number: index for index, one in enumerate(chosen.slices)}
    image = build_image([one.frame for one in chosen.slices], chosen.arranged, [(dataset, wanted)], window)
    return replace(image, warnings=(*image.warnings, *notes))


def series_in_file(stream: BinaryIO) -> tuple[SeriesInfo, ...]:
    """What is told of each volume in a DICOM file. Raises as `read_dicom_file` does, but for no choice."""
    dataset = open_dataset(stream, pixels=False)
    refuse_unless_ct(dataset, pixels=False)
    return infos(volumes(slices_of(dataset, 0), _same_pixels))


def _same_pixels(one: Slice, other: Slice) -> bool:
    return False  # frames of one file are never copies of each other


def build_image(
    frames: list[Frame],
    arranged: Stack,
    sources: Iterable[tuple[pydicom.Dataset, Mapping[int, int]]],
    window: Window,
) -> CTImage:
    """A CTImage from frames, `stack(frames)` and the datasets that hold them.

    `sources` yields (dataset, {number of a frame in it: index into `frames`}); each dataset is decoded and
    let go before the next one is asked for, and every slice is written where it belongs at once.
    """
    rank = {frame: k for k, frame in enumerate(arranged.order)}
    hu = np.empty(arranged.native.radiological_shape, np.float32)
    native = arranged.native.native_view(hu)
    planes = native if len(arranged.native.shape) == 3 else native.transpose(2, 0, 1)  # slices first
    source = [None] * len(frames)
    warnings: dict[str, None] = dict.fromkeys(arranged.warnings)  # ordered, each sentence once
    grey, filled = False, 0
    with FrameDecoder() as decoder:
        for dataset, wanted in sources:
            for number, stored in enumerate(stored_frames(dataset, decoder)):
                if number not in wanted:
                    continue
                index = wanted[number]
                source[rank[index]] = reference_of(dataset, frames[index], number + 1)
                rescale = frames[index].rescale
                plane, through_window, sentences = hu_of(stored, dataset, rescale, window)
                planes[rank[index]] = plane
                filled += 1
                grey |= through_window
                warnings |= dict.fromkeys((*pixel_warnings(dataset, rescale, window), *sentences))
    if filled != len(frames):
        raise UnreadableInput("The DICOM image is truncated: it has fewer frames than it declares.")
    if not grey:
        warnings |= dict.fromkeys(hu_warnings(hu))
    return CTImage(
        hu=hu,
        spacing_mm=arranged.spacing_mm,
        spacing_source=arranged.spacing_source,
        source_format="dicom",
        native=arranged.native,
        kind="slice" if hu.shape[0] == 1 else "volume",
        assumed_window=window if grey else None,
        warnings=tuple(warnings),
        source=tuple(source),
    )


def reference_of(dataset: pydicom.Dataset, frame: Frame, number: int) -> SliceReference:
    """The reference of frame `number` (from 1) of a CT image; "" and None for what the file does not say."""
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
