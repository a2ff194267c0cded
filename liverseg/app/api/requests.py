"""What the endpoints share: the request of a call, its refusal, and pictures as files of the server."""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial

import gradio as gr
import numpy as np

from liverseg.app.api.files import wanted_formats
from liverseg.app.server import served_files
from liverseg.app.server.retention import client_disconnected
from liverseg.app.state import session
from liverseg.app.state.messages import sentence_for
from liverseg.app.state.view import made_window
from liverseg.core.image import CTImage
from liverseg.core.slicing import check_slice
from liverseg.core.window import DEFAULT_WINDOW, Window
from liverseg.errors import InvalidSetting, SeriesChoice
from liverseg.inference.progress import StopSignal
from liverseg.io.picture.png import png_bytes
from liverseg.io.sniff import FORMAT_LIST
from liverseg.pipeline import AnalysisSettings


@dataclass(frozen=True)
class SegmentRequest:
    """The arguments that `/segment` and `/compare` share; numbers may be floats, as in JSON."""

    file: str | None
    slice: float | None = None
    window_center: float | None = None
    window_width: float | None = None
    threshold: float | None = None
    series: float | None = None
    lesion_cut: float | None = None
    formats: str | None = None

    def open(self) -> tuple[CTImage, AnalysisSettings, Window]:
        """The CT, the settings of its analysis, and the window to draw in.

        Raises a `LiversegError` for a file or a setting that is refused.
        """
        if not self.file:
            raise InvalidSetting(
                f"Give a file: {FORMAT_LIST}, DICOM, or a zip of DICOM series or one volume."
            )
        window = made_window(self.window_center, self.window_width)
        series = _whole("series", self.series)
        index = _whole("slice", self.slice)
        ct = session.read_input([self.file], window, series)
        if index is not None:
            check_slice(ct, index)
        settings = AnalysisSettings(window, series, index, self.threshold, lesion_cut=self.lesion_cut)
        return ct, settings, ct.assumed_window or window

    def wanted_formats(self, ct: CTImage) -> tuple[str, ...]:
        """The formats of the files to answer for `ct`. Raises `InvalidSetting` as `files.wanted_formats`."""
        return wanted_formats(self.formats, ct, _whole("slice", self.slice))


def _whole(name: str, value: float | None) -> int | None:
    if value is not None and value != int(value):
        raise InvalidSetting(f"{name.capitalize()} must be a whole number, not {value:g}.")
    return None if value is None else int(value)


def input_components() -> list[gr.Component]:
    """The components behind the fields of `SegmentRequest` after `file`, in their order."""
    return [
        gr.Number(label="slice", visible=False, value=None),
        gr.Number(label="window_center", visible=False, value=DEFAULT_WINDOW.center_hu),
        gr.Number(label="window_width", visible=False, value=DEFAULT_WINDOW.width_hu),
        gr.Number(label="threshold", visible=False, value=None),
        gr.Number(label="series", visible=False, value=None),
        gr.Number(label="lesion_cut", visible=False, value=None),
        gr.Textbox(label="formats", visible=False, value=None),
    ]


def refusal(error: Exception) -> gr.Error:
    """An error for the client: one sentence, which lists the series to choose from; nothing is printed."""
    sentence = sentence_for(error)
    if isinstance(error, SeriesChoice) and error.series:
        listed = "; ".join(info.line() for info in error.series)
        sentence = f"{sentence.removesuffix('.')}; the series are {listed}."
    return gr.Error(sentence, print_exception=False)


def client_left(page: gr.Blocks, request: gr.Request | None) -> StopSignal | None:
    """A function that says whether the caller has disconnected, so that its run can stop."""
    return None if request is None else partial(client_disconnected, page, request.session_hash)


def png_file(picture: np.ndarray) -> str:
    """The path of an RGB array (H, W, 3) uint8 as a PNG that the server offers.

    Gradio's own encoder is several times slower.
    """
    return str(served_files.store("image.png", png_bytes(picture)))
