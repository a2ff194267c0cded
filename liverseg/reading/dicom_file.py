"""One DICOM file: a CT slice, or the volume of an Enhanced CT."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import replace
from typing import BinaryIO

import numpy as np
import pydicom

from liverseg.ct import CTImage
from liverseg.errors import UnreadableInput
from liverseg.reading.checks import check_shape, hu_warnings
from liverseg.reading.dicom_choice import choose, infos
from liverseg.reading.dicom_dataset import open_dataset, refuse_unless_ct
from liverseg.reading.dicom_decoder import FrameDecoder
from liverseg.reading.dicom_pixels import hu_of, pixel_warnings, stored_frames
from liverseg.reading.dicom_reference import reference_of
from liverseg.reading.dicom_slices import Slice, slices_of
from liverseg.reading.dicom_stack import Frame, Stack
from liverseg.reading.dicom_volumes import volumes
from liverseg.reading.series_info import SeriesInfo
from liverseg.windowing import Window


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
