"""The named endpoints for `gradio_client` and other programs: `/segment` and `/checkpoints`."""

from __future__ import annotations

from functools import partial
from typing import Any

import gradio as gr
import numpy as np

from liverseg.app import session, texts
from liverseg.app.loading import Checkpoints
from liverseg.app.pictures import png_file
from liverseg.app.session import View
from liverseg.app.tidying import has_left
from liverseg.app.updates import made_window, sentence_for
from liverseg.ct import CTImage
from liverseg.errors import InvalidSetting, LiversegError, SeriesChoice
from liverseg.measuring import measure
from liverseg.rendering import telling_slice, three_pictures
from liverseg.selection import check_slice, single_slice, single_slice_of
from liverseg.watching import Stop
from liverseg.windowing import DEFAULT_WINDOW, Window

Pictures = tuple[np.ndarray, np.ndarray, np.ndarray]


def refusal(error: Exception) -> gr.Error:
    """An error as the client sees it: one sentence, then the series to choose from; nothing is printed."""
    series = error.series if isinstance(error, SeriesChoice) else ()
    listed = "".join(f" {info.line()};" for info in series)
    return gr.Error(sentence_for(error) + listed.removesuffix(";"), print_exception=False)


def opened(
    file: str | None,
    slice: float | None,
    window_center: float | None,
    window_width: float | None,
    series: float | None = None,
) -> tuple[CTImage, int | None, Window]:
    """What a call is about: the CT, the one slice that is asked for, and the window to draw in.

    Raises a `LiversegError` for a file or a setting that is refused.
    """
    if not file:
        raise InvalidSetting("Give a file: PNG, JPEG, NIfTI, DICOM or a zip of DICOM series.")
    window = made_window(window_center, window_width)
    for name, given in (("slice", slice), ("series", series)):
        if given is not None and given != int(given):
            raise InvalidSetting(f"A {name} has a whole number, not {given:g}.")
    ct = session.read_input([file], window, None if series is None else int(series))
    index = None if slice is None else check_slice(ct, int(slice))
    return ct, index, ct.assumed_window or window


def segment_file(
    checkpoints: Checkpoints,
    file: str | None,
    checkpoint: str | None = None,
    slice: float | None = None,
    window_center: float | None = None,
    window_width: float | None = None,
    threshold: float | None = None,
    series: float | None = None,
    cancelled: Stop | None = None,
) -> tuple[Pictures, dict[str, Any]]:
    """The three pictures (uint8 RGB arrays of one size) and the report of a file; see `add`.

    Raises a `LiversegError` for a file, checkpoint or setting that is refused, and where `cancelled` says so.
    """
    ct, index, drawn_in = opened(file, slice, window_center, window_width, series)
    segmenter = checkpoints.segmenter(checkpoint or None)
    if index is None:
        analysis = session.analyse([str(file)], ct, segmenter, threshold=threshold, cancelled=cancelled)
        view = View(telling_slice(analysis.seg), drawn_in)
        return session.draw(analysis, view), analysis.report.to_dict()
    seg = segmenter.segment(ct, threshold=threshold, only_slice=index, cancelled=cancelled)
    report = measure(single_slice(ct, index), single_slice_of(seg, index))
    return three_pictures(ct, seg, index, drawn_in), report.to_dict()


def listing(checkpoints: Checkpoints) -> list[dict[str, Any]]:
    """What `/checkpoints` answers: one object a checkpoint, the default one first; reads the registries."""
    checkpoints.refresh()
    return [
        {
            "ref": found.ref,
            "name": found.manifest.name,
            "version": found.manifest.version,
            "architecture": found.manifest.architecture,
            "dice": dict(found.manifest.headline()),
            "tumour_threshold": found.manifest.tumour_threshold,
            "licence": found.manifest.licence,
            "sha256": found.sha256,
            "registry": found.registry,
        }
        for found in checkpoints.list()
    ]


def left(page: gr.Blocks, request: gr.Request | None) -> Stop | None:
    """A question whether who made a call is gone, so that nobody waits for the answer any more."""
    return None if request is None else partial(has_left, page, request.session_hash)


def add(page: gr.Blocks, available: Checkpoints, network: dict[str, Any]) -> None:
    """Add the endpoints to `page`, which is open; `network` is how events that run the network queue.

    Their names, descriptions and arguments are what a client of the API, or of MCP, is told of them.
    """

    def segment(
        file: str,
        checkpoint: str | None = None,
        slice: float | None = None,
        window_center: float = DEFAULT_WINDOW.center_hu,
        window_width: float = DEFAULT_WINDOW.width_hu,
        threshold: float | None = None,
        series: float | None = None,
        request: gr.Request | None = None,
    ) -> tuple[str, str, str, dict[str, Any]]:
        """Segment liver and tumour in an abdominal CT slice or volume and measure both. Research only.

        Args:
            file: the CT: PNG, JPEG, NIfTI, DICOM, or a zip of DICOM series.
            checkpoint: "name" or "name@version" as checkpoints lists them; the default one if left out.
            slice: index from 0 of the one slice to segment and measure; all of them if left out.
            window_center: in HU, of the window a picture was made with; for HU input, the one to draw in.
            window_width: in HU, of the same window.
            threshold: tumour probability from which a pixel is tumour; the checkpoint's own if left out.
            series: which one, of a zip with several; if left out, the refusal lists them by their numbers.

        Returns:
            the windowed slice
            the segmentation (liver green, tumour red)
            the tumour probability (each a picture of the slice that shows most tumour)
            the report in JSON: sizes in pixels and mm² or mL, lesions, warnings, checkpoint
        """
        try:
            pictures, report = segment_file(
                available,
                file,
                checkpoint,
                slice,
                window_center,
                window_width,
                threshold,
                series,
                left(page, request),
            )
        except Exception as error:  # the boundary to the client: told in one sentence
            raise refusal(error) from None
        return *map(png_file, pictures), report

    def checkpoints() -> list[dict[str, Any]]:
        """List the checkpoints to choose from, the default one first, with Dice, threshold and licence."""
        try:
            return listing(available)
        except LiversegError as error:
            raise refusal(error) from None

    with gr.Row(visible=False):
        inputs = [
            gr.File(label="file"),
            gr.Textbox(label="checkpoint", value=None),
            gr.Number(label="slice", value=None),
            gr.Number(label="window_center", value=DEFAULT_WINDOW.center_hu),
            gr.Number(label="window_width", value=DEFAULT_WINDOW.width_hu),
            gr.Number(label="threshold", value=None),
            gr.Number(label="series", value=None),
        ]
        outputs = [*(gr.Image(label=name, format="png") for name in texts.PANELS), gr.JSON(label="report")]
        gr.Button().click(segment, inputs, outputs, api_name="segment", **network)
        gr.Button().click(checkpoints, None, gr.JSON(label="checkpoints"), api_name="checkpoints")
