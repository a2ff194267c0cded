"""The named endpoint `/compare`: two checkpoints on one input, for `gradio_client` and other programs."""

from __future__ import annotations

from typing import Any

import gradio as gr

from liverseg.agreement import compare, comparison_dict
from liverseg.app.endpoints import Pictures, left, opened, refusal
from liverseg.app.loading import Checkpoints
from liverseg.app.pictures import png_file
from liverseg.comparing import compared_pictures
from liverseg.errors import InvalidSetting
from liverseg.measuring import measure
from liverseg.rendering import telling_slice
from liverseg.selection import single_slice, single_slice_of
from liverseg.watching import Stop
from liverseg.windowing import DEFAULT_WINDOW

PANELS = ("Segmentation of A", "Segmentation of B", "Where they differ")


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
    """Three pictures (uint8 RGB arrays of one size) and the comparison of a file; see `add`.

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


def add(page: gr.Blocks, available: Checkpoints, network: dict[str, Any]) -> None:
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
        outputs = [*(gr.Image(label=name, format="png") for name in PANELS), gr.JSON(label="comparison")]
        gr.Button().click(compare, inputs, outputs, api_name="compare", **network)
