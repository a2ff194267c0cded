"""The named endpoints `/segment`, `/compare` and `/checkpoints`, for `gradio_client` and other programs."""

from __future__ import annotations

from typing import Any

import gradio as gr
import numpy as np

from liverseg.analysis.compare import comparison_dict
from liverseg.app.api.requests import SegmentRequest, client_left, input_components, png_file, refusal
from liverseg.app.html import page_text
from liverseg.app.state import session
from liverseg.app.state.checkpoints import Checkpoints
from liverseg.core.window import DEFAULT_WINDOW
from liverseg.errors import InvalidSetting, LiversegError
from liverseg.inference.progress import Stop
from liverseg.pipeline import Run, compare_image
from liverseg.rendering.comparison import compared_pictures
from liverseg.rendering.slice_view import telling_slice, three_pictures

Pictures = tuple[np.ndarray, np.ndarray, np.ndarray]
"""Three uint8 RGB arrays of one size."""

COMPARISON_PANELS = ("Segmentation of A", "Segmentation of B", "Where they differ")


def segment_file(
    checkpoints: Checkpoints, request: SegmentRequest, ref: str | None, cancelled: Stop | None = None
) -> tuple[Pictures, dict[str, Any]]:
    """The three pictures and the report of a file; see `add_endpoints`.

    Raises a `LiversegError` for a file, checkpoint or setting that is refused, or when `cancelled`.
    """
    ct, settings, window = request.open()
    segmenter = checkpoints.segmenter(ref or None)
    found = session.analyse([str(request.file)], ct, segmenter, settings, Run(cancelled=cancelled))
    index = telling_slice(found.seg) if settings.slice_index is None else settings.slice_index
    return three_pictures(ct, found.seg, index, window), found.report.to_dict()


def compare_file(
    checkpoints: Checkpoints,
    request: SegmentRequest,
    refs: tuple[str | None, str | None],
    cancelled: Stop | None = None,
) -> tuple[Pictures, dict[str, Any]]:
    """Three pictures and the comparison of two checkpoints on a file; see `add_endpoints`.

    Raises a `LiversegError` for a file, checkpoint or setting that is refused, or when `cancelled`.
    """
    if not all(refs):
        raise InvalidSetting("Name two checkpoints to compare, as /checkpoints lists them.")
    ct, settings, window = request.open()
    first, second = (checkpoints.segmenter(ref) for ref in refs)
    found = compare_image(ct, (first, second), settings, Run(cancelled=cancelled))
    (image, a), (_, b) = found.a.measured, found.b.measured
    most = found.agreement.most_different_slice
    shown = telling_slice(a) if most is None else most
    answer = comparison_dict(found.agreement, found.a.report, found.b.report)
    return compared_pictures(image, a, b, shown, window), answer


def checkpoint_list(checkpoints: Checkpoints) -> list[dict[str, Any]]:
    """The answer of `/checkpoints`: one object for each, the default one first; reads the registries."""
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


def add_endpoints(page: gr.Blocks, available: Checkpoints, network: dict[str, Any]) -> None:
    """Add the endpoints to `page`, which is open; `network` is how events that run the network queue.

    Clients of the API and of MCP see the names, descriptions and arguments of the functions below.
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
            asked = SegmentRequest(file, slice, window_center, window_width, threshold, series)
            pictures, report = segment_file(available, asked, checkpoint, client_left(page, request))
        except Exception as error:  # the boundary to the client: answered in one sentence
            raise refusal(error) from None
        return *map(png_file, pictures), report

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
            asked = SegmentRequest(file, slice, window_center, window_width, threshold, series)
            refs = (checkpoint_a, checkpoint_b)
            pictures, comparison = compare_file(available, asked, refs, client_left(page, request))
        except Exception as error:  # the boundary to the client: answered in one sentence
            raise refusal(error) from None
        return *map(png_file, pictures), comparison

    def checkpoints() -> list[dict[str, Any]]:
        """List the checkpoints to choose from, the default one first, with Dice, threshold and licence."""
        try:
            return checkpoint_list(available)
        except LiversegError as error:
            raise refusal(error) from None

    with gr.Row(visible=False):
        inputs = [gr.File(label="file"), gr.Textbox(label="checkpoint_a", value=None)]
        inputs += [gr.Textbox(label="checkpoint_b", value=None), *input_components()]
        outputs = [*(gr.Image(label=name, format="png") for name in COMPARISON_PANELS)]
        outputs.append(gr.JSON(label="comparison"))
        gr.Button().click(compare, inputs, outputs, api_name="compare", **network)
    with gr.Row(visible=False):
        inputs = [gr.File(label="file"), gr.Textbox(label="checkpoint", value=None), *input_components()]
        outputs = [*(gr.Image(label=name, format="png") for name in page_text.PICTURE_NAMES)]
        outputs.append(gr.JSON(label="report"))
        gr.Button().click(segment, inputs, outputs, api_name="segment", **network)
        gr.Button().click(checkpoints, None, gr.JSON(label="checkpoints"), api_name="checkpoints")
