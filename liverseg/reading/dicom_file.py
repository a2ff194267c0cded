"""One DICOM file: a CT slice, or the volume of an Enhanced CT."""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np
import pydicom

from liverseg.ct import CTImage
from liverseg.reading.checks import check_shape, hu_warnings
from liverseg.reading.dicom_dataset import open_dataset, refuse_unless_ct
from liverseg.reading.dicom_decoder import FrameDecoder
from liverseg.reading.dicom_pixels import hu_of, pixel_warnings, stored_frames
from liverseg.reading.dicom_reference import reference_of
from liverseg.reading.dicom_stack import Frame, Stack, frames_of, stack
from liverseg.windowing import Window


def read_dicom_file(data: bytes, window: Window) -> CTImage:
    """The bytes of one DICOM file as a CTImage in HU, of one slice or of an Enhanced CT's frames.

    HU are `stored * slope + intercept` in float32, with the file's own (or the frame's own) rescale;
    padding becomes air. `window` only matters for 8-bit grey without a rescale. Raises NotCT for
    other modalities, localizers, colour, secondary captures and slices that are not axial.
    """
    dataset = open_dataset(data)
    refuse_unless_ct(dataset)
    frames = frames_of(dataset)
    check_shape(len(frames), int(dataset.Rows), int(dataset.Columns))
    return build_image(frames, stack(frames), [(dataset, range(len(frames)))], window)


def build_image(
    frames: list[Frame],
    arranged: Stack,
    sources: Iterable[tuple[pydicom.Dataset, Iterable[int]]],
    window: Window,
) -> CTImage:
    """A CTImage from frames, `stack(frames)` and the datasets that hold them.

    `sources` yields (dataset, indices into `frames` of its frames); each dataset is decoded and let
    go before the next one is asked for.
    """
    rank = {frame: k for k, frame in enumerate(arranged.order)}
    native = np.empty((len(frames), frames[0].rows, frames[0].columns), np.float32)
    source = [None] * len(frames)
    warnings: dict[str, None] = dict.fromkeys(arranged.warnings)  # ordered, each sentence once
    grey = False
    with FrameDecoder() as decoder:
        for dataset, indices in sources:
            numbered = zip(indices, stored_frames(dataset, decoder), strict=True)
            for number, (index, stored) in enumerate(numbered, start=1):
                source[rank[index]] = reference_of(dataset, frames[index], number)
                rescale = frames[index].rescale
                native[rank[index]], through_window, sentences = hu_of(stored, dataset, rescale, window)
                grey |= through_window
                warnings |= dict.fromkeys((*pixel_warnings(dataset, rescale, window), *sentences))
    hu = np.ascontiguousarray(arranged.native.to_radiological(native.reshape(arranged.native.shape)))
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
