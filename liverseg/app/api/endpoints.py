"""The named endpoints `/segment`, `/compare` and `/checkpoints`, for `gradio_client` and other programs."""

from __future__ import annotations

from typing import Any

import gradio as gr
import numpy as np

from liverseg.analysis.compare import comparison_dict
from liverseg.app.api.files import with_files
from liverseg.app.api.progress import run_progress
from liverseg.app.api.requests import SegmentRequest, client_left, input_components, png_file, refusal
from liverseg.app.html import page_text
from liverseg.app.state import session
from liverseg.app.state.checkpoints import Checkpoints
from liverseg.core.window import DEFAULT_WINDOW
from liverseg.errors import InvalidSetting, LiversegError
from liverseg.pipeline import DEFAULT_RUN, Run, compare_image
from liverseg.rendering.comparison import compared_pictures
from liverseg.rendering.slice_view import default_slice, three_pictures

Pictures = tuple[np.ndarray, np.ndarray, np.ndarray]
"""Three uint8 RGB arrays (H, W, 3) of one size."""

COMPARISON_PANELS = ("Segmentation of A", "Segmentation of B", "Where they differ")


def segment_file(
    checkpoints: Checkpoints, request: SegmentRequest, ref: str | None, run: Run = DEFAULT_RUN
) -> tuple[Pictures, dict[str, Any]]:
    """The pictures and the report that `/segment` answers.

    Raises a `LiversegError` for a file, checkpoint or setting that is refused, or when the run is cancelled.
    """
    ct, settings, window = request.open()
    formats = request.wanted_formats(ct)  # an impossible one is refused before the network runs
    segmenter = checkpoints.segmenter(ref or None)
    analysis = session.analyse_upload([str(request.file)], ct, segmenter, settings, run)
    index = default_slice(analysis.seg) if settings.slice_index is None else settings.slice_index
    report = with_files(analysis.report.to_dict(), analysis, formats, window)
    return three_pictures(ct, analysis.seg, index, window), report


def compare_file(
    checkpoints: Checkpoints,
    request: SegmentRequest,
    refs: tuple[str | None, str | None],
    run: Run = DEFAULT_RUN,
) -> tuple[Pictures, dict[str, Any]]:
    """The pictures and the comparison that `/compare` answers.

    Raises a `LiversegError` for a file, checkpoint or setting that is refused, or when the run is cancelled.
    """
    if not all(refs):
        raise InvalidSetting("Name two checkpoints to compare, as /checkpoints lists them.")
    ct, settings, window = request.open()
    formats = request.wanted_formats(ct)
    first, second = (checkpoints.segmenter(ref) for ref in refs)
    compared = compare_image(ct, (first, second), settings, run)
    (image, seg_a), (_, seg_b) = compared.a.measured, compared.b.measured
    most_different = compared.agreement.most_different_slice
    index = default_slice(seg_a) if most_different is None else most_different
    result = comparison_dict(compared.agreement, compared.a.report, compared.b.report)
    for key, analysis in (("report_a", compared.a), ("report_b", compared.b)):
        result[key] = with_files(result[key], analysis, formats, window)
    return compared_pictures(image, seg_a, seg_b, index, window), result


def checkpoint_list(checkpoints: Checkpoints) -> list[dict[str, Any]]:
    """The answer of `/checkpoints`, the default checkpoint first. Reads the registries again."""
    checkpoints.refresh()
    return [
        {
            "ref": checkpoint.ref,
            "name": checkpoint.manifest.name,
            "version": checkpoint.manifest.version,
            "architecture": checkpoint.manifest.architecture,
            "dice": dict(checkpoint.manifest.headline()),
            "tumour_threshold": checkpoint.manifest.tumour_threshold,
            "licence": checkpoint.manifest.licence,
            "sha256": checkpoint.sha256,
            "registry": checkpoint.registry,
        }
        for checkpoint in checkpoints.list()
    ]


def add_endpoints(page: gr.Blocks, available: Checkpoints, network: dict[str, Any]) -> None:
    """Add the endpoints to a page inside its `with` block.

    `network` holds gradio's queue options for events that run the network. Clients of the API and of MCP see
    the names, docstrings and arguments of the functions below.
    """

    def segment(
        file: str,
        checkpoint: str | None = None,
        slice: float | None = None,
        window_center: float = DEFAULT_WINDOW.center_hu,
        window_width: float = DEFAULT_WINDOW.width_hu,
        threshold: float | None = None,
        series: float | None = None,
        lesion_cut: float | None = None,
        formats: str | None = None,
        request: gr.Request | None = None,
        progress: gr.Progress = gr.Progress(),  # noqa: B008 (gradio recognises the default value)
    ) -> tuple[str, str, str, dict[str, Any]]:
        """Segment liver and tumour in an abdominal CT slice or volume and measure both. Research use only.

        Args:
            file: the CT as PNG, JPEG, TIFF, WebP, NIfTI, NRRD, MetaImage, DICOM, or a zip of DICOM
                series or one volume.
            checkpoint: "name" or "name@version", see the endpoint checkpoints; default: the first it lists.
            slice: index, from 0, of the only slice to segment and measure; default: all slices.
            window_center: of the window a picture was made with, or of the pictures of HU input; HU.
            window_width: of the same window; HU.
            threshold: tumour probability from which a pixel is tumour; default: that of the checkpoint.
            series: number of the series to use if the input has several; without it, the error lists them.
            lesion_cut: probability from which a lesion is likely, if the checkpoint has a lesion model.
            formats: files to give, of nifti,png,seg,rtstruct,sr,sc,glb,csv,pdf,json, or "all"; default: none.

        Returns:
            picture of the CT slice (the one with most tumour unless slice is given)
            picture of its segmentation (liver blue and tumour orange)
            picture of its tumour probability
            report in JSON (sizes in pixels and mm² or mL, lesions, warnings, checkpoint, files if asked for)
        """
        try:
            segment_request = SegmentRequest(
                file, slice, window_center, window_width, threshold, series, lesion_cut, formats
            )
            run = Run(run_progress(progress, bool(available.loading)), client_left(page, request))
            pictures, report = segment_file(available, segment_request, checkpoint, run)
        except Exception as error:  # the client gets one sentence; what is unexpected is logged
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
        lesion_cut: float | None = None,
        formats: str | None = None,
        request: gr.Request | None = None,
        progress: gr.Progress = gr.Progress(),  # noqa: B008 (gradio recognises the default value)
    ) -> tuple[str, str, str, dict[str, Any]]:
        """Segment an abdominal CT with two checkpoints and show where they differ. Research use only.

        Neither checkpoint is a reference: the Dice coefficients state agreement, not accuracy.

        Args:
            file: the CT as PNG, JPEG, TIFF, WebP, NIfTI, NRRD, MetaImage, DICOM, or a zip of DICOM
                series or one volume.
            checkpoint_a: "name" or "name@version" of the first one, see the endpoint checkpoints.
            checkpoint_b: "name" or "name@version" of the second one.
            slice: index, from 0, of the only slice to segment and compare; default: all slices.
            window_center: of the window a picture was made with, or of the pictures of HU input; HU.
            window_width: of the same window; HU.
            threshold: tumour probability from which a pixel is tumour; default: that of each checkpoint.
            series: number of the series to use if the input has several; without it, the error lists them.
            lesion_cut: probability from which a lesion is likely, if the checkpoint has a lesion model.
            formats: files to return of each, of nifti,png,seg,rtstruct,sr,sc,glb,csv,pdf,json, or "all".

        Returns:
            picture of the segmentation of A (slice with the largest difference unless slice is given)
            picture of the segmentation of B
            picture of the difference (only A light blue, only B red)
            comparison in JSON (agreement with Dice, sizes, B - A and matched lesions, report_a, report_b)
        """
        try:
            segment_request = SegmentRequest(
                file, slice, window_center, window_width, threshold, series, lesion_cut, formats
            )
            run = Run(run_progress(progress, bool(available.loading), 2), client_left(page, request))
            refs = (checkpoint_a, checkpoint_b)
            pictures, comparison = compare_file(available, segment_request, refs, run)
        except Exception as error:  # the client gets one sentence; what is unexpected is logged
            raise refusal(error) from None
        return *map(png_file, pictures), comparison

    def checkpoints() -> list[dict[str, Any]]:
        """List the available checkpoints with Dice, threshold and licence; the first is the default."""
        try:
            return checkpoint_list(available)
        except LiversegError as error:
            raise refusal(error) from None

    # Gradio fetches the code of each visible component, also of one in a hidden row.
    hidden: dict[str, Any] = {"visible": False}
    with gr.Row(visible=False):
        inputs = [gr.File(label="file", **hidden), gr.Textbox(label="checkpoint_a", value=None, **hidden)]
        inputs += [gr.Textbox(label="checkpoint_b", value=None, **hidden), *input_components()]
        outputs = [*(gr.Image(label=name, format="png", **hidden) for name in COMPARISON_PANELS)]
        outputs.append(gr.JSON(label="comparison", **hidden))
        gr.Button().click(compare, inputs, outputs, api_name="compare", **network)
    with gr.Row(visible=False):
        inputs = [
            gr.File(label="file", **hidden),
            gr.Textbox(label="checkpoint", value=None, **hidden),
            *input_components(),
        ]
        outputs = [*(gr.Image(label=name, format="png", **hidden) for name in page_text.picture_names())]
        outputs.append(gr.JSON(label="report", **hidden))
        gr.Button().click(segment, inputs, outputs, api_name="segment", **network)
        gr.Button().click(checkpoints, None, gr.JSON(label="checkpoints", **hidden), api_name="checkpoints")
