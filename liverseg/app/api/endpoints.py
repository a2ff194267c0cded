"""The named endpoints for `gradio_client` and other programs: `/segment` and `/checkpoints`."""

from __future__ import annotations

from functools import partial
from pathlib import Path
from typing import Any

import gradio as gr
import numpy as np
from gradio.processing_utils import hash_bytes
from gradio.utils import get_upload_folder

from liverseg.analysis.compare import compare, comparison_dict
from liverseg.analysis.measure import measure
from liverseg.app.html import page_text
from liverseg.app.html.page_text import sentence_for
from liverseg.app.server.retention import has_left
from liverseg.app.state import session
from liverseg.app.state.checkpoints import Checkpoints
from liverseg.app.state.session import View, made_window
from liverseg.core.image import CTImage
from liverseg.core.slicing import check_slice, single_slice, single_slice_of
from liverseg.core.window import DEFAULT_WINDOW, Window
from liverseg.errors import InvalidSetting, LiversegError, SeriesChoice
from liverseg.inference.progress import Stop
from liverseg.io.picture.png import png_bytes
from liverseg.rendering.comparison import compared_pictures
from liverseg.rendering.slice_view import telling_slice, three_pictures

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
        outputs = [
            *(gr.Image(label=name, format="png") for name in page_text.PANELS),
            gr.JSON(label="report"),
        ]
        gr.Button().click(segment, inputs, outputs, api_name="segment", **network)
        gr.Button().click(checkpoints, None, gr.JSON(label="checkpoints"), api_name="checkpoints")


COMPARISON_PANELS = ("Segmentation of A", "Segmentation of B", "Where they differ")


def compare_file(
    checkpoints: Checkpoints,
    file: str | None,
    checkpoint_a: str | None,
    checkpoint_b: str | None,
    slice: float | None = None,
    window_center: float | None = None,
    window_width: float | None = None,
    threshold: float | None = None,
    series: float | None = None,
    cancelled: Stop | None = None,
) -> tuple[Pictures, dict[str, Any]]:
    """Three pictures (uint8 RGB arrays of one size) and the comparison of a file; see `add_compare`.

    Raises a `LiversegError` for a file, checkpoint or setting that is refused.
    """
    if not checkpoint_a or not checkpoint_b:
        raise InvalidSetting("Name two checkpoints to compare, as /checkpoints lists them.")
    ct, index, drawn_in = opened(file, slice, window_center, window_width, series)
    segmenters = [checkpoints.segmenter(ref) for ref in (checkpoint_a, checkpoint_b)]
    a, b = (
        segmenter.segment(ct, threshold=threshold, only_slice=index, cancelled=cancelled)
        for segmenter in segmenters
    )
    if index is not None:
        a, b = (single_slice_of(seg, index) for seg in (a, b))
        ct = single_slice(ct, index)
    agreement = compare(ct, a, b)
    most = agreement.most_different_slice
    shown = telling_slice(a) if most is None else most
    told = comparison_dict(agreement, measure(ct, a), measure(ct, b))
    return compared_pictures(ct, a, b, shown, drawn_in), told


def add_compare(page: gr.Blocks, available: Checkpoints, network: dict[str, Any]) -> None:
    """Add the endpoint to `page`, which is open; `network` is how events that run the network queue.

    Its name, description and arguments are what a client of the API, or of MCP, is told of it.
    """

    def compare(
        file: str,
        checkpoint_a: str,
        checkpoint_b: str,
        slice: float | None = None,
        window_center: float = DEFAULT_WINDOW.center_hu,
        window_width: float = DEFAULT_WINDOW.width_hu,
        threshold: float | None = None,
        series: float | None = None,
        request: gr.Request | None = None,
    ) -> tuple[str, str, str, dict[str, Any]]:
        """Segment an abdominal CT with two checkpoints, and say and show where they differ. Research only.

        Neither is a reference: the Dice is of one with the other, no accuracy.

        Args:
            file: the CT: PNG, JPEG, NIfTI, DICOM, or a zip of DICOM series.
            checkpoint_a: "name" or "name@version" of the first one, as checkpoints lists them.
            checkpoint_b: "name" or "name@version" of the one it is compared with.
            slice: index from 0 of the one slice to segment and compare; all of them if left out.
            window_center: in HU, of the window a picture was made with; for HU input, the one to draw in.
            window_width: in HU, of the same window.
            threshold: tumour probability from which a pixel is tumour in both; each one's own if left out.
            series: which one, of a zip with several; if left out, the refusal lists them by their numbers.

        Returns:
            the segmentation of A (liver green, tumour red)
            the segmentation of B
            where they differ: only A blue, only B orange (each a picture of the slice where they differ most)
            the comparison in JSON: agreement (Dice, sizes, B - A, lesions matched), report_a, report_b
        """
        try:
            pictures, told = compare_file(
                available,
                file,
                checkpoint_a,
                checkpoint_b,
                slice,
                window_center,
                window_width,
                threshold,
                series,
                left(page, request),
            )
        except Exception as error:  # the boundary to the client: told in one sentence
            raise refusal(error) from None
        return *map(png_file, pictures), told

    with gr.Row(visible=False):
        inputs = [
            gr.File(label="file"),
            gr.Textbox(label="checkpoint_a", value=None),
            gr.Textbox(label="checkpoint_b", value=None),
            gr.Number(label="slice", value=None),
            gr.Number(label="window_center", value=DEFAULT_WINDOW.center_hu),
            gr.Number(label="window_width", value=DEFAULT_WINDOW.width_hu),
            gr.Number(label="threshold", value=None),
            gr.Number(label="series", value=None),
        ]
        outputs = [
            *(gr.Image(label=name, format="png") for name in COMPARISON_PANELS),
            gr.JSON(label="comparison"),
        ]
        gr.Button().click(compare, inputs, outputs, api_name="compare", **network)


def png_file(picture: np.ndarray) -> str:
    """The path of an RGB array (H, W, 3) uint8 as a PNG, where gradio itself would put it: it serves it from
    there and deletes it in time."""
    content = png_bytes(picture)
    folder = Path(get_upload_folder()) / hash_bytes(content)  # with a secret of this process
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / "image.png"
    path.write_bytes(content)
    return str(path)
