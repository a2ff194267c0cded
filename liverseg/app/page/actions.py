"""What each event of the page does: values in, updates by name out (no components here).

An update is a dict from a name of `layout` to a value or a `gr.update`. A refusal becomes one
sentence on the page; anything unexpected a general one, and a log line without file names.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import gradio as gr

from liverseg.app.examples import Examples
from liverseg.app.html import page_text
from liverseg.app.page.updates import (
    Updates,
    missing,
    nothing_shown,
    picture,
    picture_and_numbers,
    preset_of,
    refusable,
    slice_index,
)
from liverseg.app.state import session
from liverseg.app.state.cancellation import Runs
from liverseg.app.state.checkpoints import Checkpoints
from liverseg.app.state.session import PageAnalysis, View, made_window
from liverseg.core.window import PRESETS, Window
from liverseg.errors import LiversegError
from liverseg.inference.progress import Progress


class Actions:
    """The events of the page, on a set of checkpoints and examples."""

    def __init__(self, checkpoints: Checkpoints, examples: Examples) -> None:
        self.checkpoints = checkpoints
        self.examples = examples
        self.runs = Runs()

    def _run(
        self,
        sources: Sequence[str],
        ref: str | None,
        made_with: Window,
        view: View,
        progress: Progress | None = None,
        series: int | None = None,
    ) -> Updates:
        """Read, segment and show an input from the start."""
        ct = session.read_input(sources, made_with, series)
        analysis = session.analyse(sources, ct, self.checkpoints.segmenter(ref), progress=progress)
        analysis = replace(analysis, series=series)
        view = session.first_view(analysis, view)
        count = len(ct.hu)
        return {
            "analysis": analysis,
            "shown": True,
            "problem": "",
            "slice": gr.update(value=view.slice_index + 1, maximum=max(count, 2), visible=count > 1),
            "made_with": gr.update(visible=analysis.is_picture),
            "center": view.window.center_hu,
            "width": view.window.width_hu,
            "preset": preset_of(view.window),
            "threshold": analysis.seg.threshold,
            "expected": page_text.expected(analysis),
            "download": gr.update(visible=True),
            "files": gr.update(visible=False, value=None),
            "series": gr.update(visible=series is not None),
            "comparison": "",
            "point": None,
            **picture_and_numbers(analysis, view),
        }

    def series(
        self,
        sources: Sequence[str] | None,
        series: int | None,
        ref: str | None,
        made_center: float | None,
        made_width: float | None,
        center: float,
        width: float,
        opacity: float,
        progress: Progress | None = None,
    ) -> Updates:
        """One of several series of the upload was chosen: the others can be chosen after it."""
        if not sources or series is None:
            return {}
        view, paths = View(0, Window(center, width), opacity), session.belonging(sources)

        def run() -> Updates:
            return self._run(paths, ref, made_window(made_center, made_width), view, progress, series)

        return {**refusable(run)(), "series": gr.update(visible=True)}

    @refusable
    def upload(
        self,
        sources: str | Sequence[str] | None,
        ref: str | None,
        made_center: float | None,
        made_width: float | None,
        center: float,
        width: float,
        opacity: float,
        progress: Progress | None = None,
    ) -> Updates:
        """A file was chosen: read and segment it."""
        given = [sources] if isinstance(sources, str) else list(sources or [])
        paths = session.belonging(given)
        view = View(0, Window(center, width), opacity)
        shown = self._run(paths, ref, made_window(made_center, made_width), view, progress)
        return shown if paths == given else {**shown, "upload": paths}

    @refusable
    def example(
        self,
        key: str,
        ref: str | None,
        center: float,
        width: float,
        opacity: float,
        progress: Progress | None = None,
    ) -> Updates:
        """An example was clicked; its picture was made with the usual window."""
        path = str(self.examples.path(key))
        view = View(0, Window(center, width), opacity)
        shown = self._run([path], ref, PRESETS["Abdomen"], view, progress)
        return {**shown, "upload": [path], "made_center": 40, "made_width": 400}

    def removed(self, sources: Sequence[str] | None) -> Updates:
        """A file of the upload was taken away: the page is empty once the last one is."""
        if sources:
            return {}
        return {**nothing_shown(), "problem": "", "made_with": gr.update(visible=True)}

    @refusable
    def checkpoint(
        self,
        analysis: PageAnalysis | None,
        sources: Sequence[str] | None,
        ref: str | None,
        made_center: float | None,
        made_width: float | None,
        slice_number: float,
        center: float,
        width: float,
        opacity: float,
        progress: Progress | None = None,
    ) -> Updates:
        """Another checkpoint was chosen: run it on what is loaded, and stay at the slice shown."""
        chosen = self.checkpoints.find(ref)
        card = {"card": page_text.checkpoint_card(chosen)}
        if analysis is None and not sources:
            return {**card, "problem": ""}
        if analysis is not None and session.made_by(analysis, chosen):
            return card  # gradio tells of one choice more than once
        if analysis is None:
            view = View(0, Window(center, width), opacity)
            paths = session.belonging(sources or [])
            return {**card, **self._run(paths, ref, made_window(made_center, made_width), view, progress)}
        fresh = session.known_result(analysis, chosen) or session.analyse(
            analysis.sources, analysis.ct, self.checkpoints.segmenter(ref), progress=progress
        )
        fresh = session.remembering(replace(fresh, series=analysis.series), *analysis.known, analysis)
        view = View(slice_index(analysis, slice_number), Window(center, width), opacity)
        return {
            **card,
            "analysis": fresh,
            "shown": True,
            "problem": "",
            "threshold": fresh.seg.threshold,
            "expected": page_text.expected(fresh),
            "files": gr.update(visible=False, value=None),
            "comparison": "",
            **picture_and_numbers(fresh, view),
        }

    def remade(
        self,
        analysis: PageAnalysis | None,
        ref: str | None,
        made_center: float | None,
        made_width: float | None,
        opacity: float,
        progress: Progress | None = None,
    ) -> Updates:
        """The window a picture was made with was changed: the HU are others, so it is run again."""
        if analysis is None or not analysis.is_picture:
            return {}
        try:
            window = made_window(made_center, made_width)
        except LiversegError as error:
            return {"problem": page_text.problem(str(error))}
        if window == analysis.ct.assumed_window:
            return {}
        return refusable(self._run)(
            analysis.sources, ref, window, View(0, window, opacity), progress, analysis.series
        )

    def view(
        self,
        analysis: PageAnalysis | None,
        shown: bool,
        slice_number: float,
        center: float,
        width: float,
        opacity: float,
        drawn: bool = False,
    ) -> Updates:
        """The window or the opacity was changed: draw, nothing else; not what the page has `drawn` itself."""
        if analysis is None:
            return missing(shown)
        view = View(slice_index(analysis, slice_number), Window(center, width), opacity)
        return {**picture(analysis, view, drawn), "preset": preset_of(view.window)}

    def preset(
        self,
        analysis: PageAnalysis | None,
        shown: bool,
        name: str | None,
        slice_number: float,
        opacity: float,
        drawn: bool = False,
    ) -> Updates:
        """A named window was chosen."""
        if name not in PRESETS:
            return {}
        window = PRESETS[name]
        moved: Updates = {"center": window.center_hu, "width": window.width_hu}
        if analysis is None:
            return {**moved, **missing(shown)}
        view = View(slice_index(analysis, slice_number), window, opacity)
        return {**moved, **picture(analysis, view, drawn)}

    def slice(
        self,
        analysis: PageAnalysis | None,
        shown: bool,
        slice_number: float,
        center: float,
        width: float,
        opacity: float,
        drawn: bool = False,
    ) -> Updates:
        """Another slice of a volume was chosen."""
        if analysis is None:
            return missing(shown)
        view = View(slice_index(analysis, slice_number), Window(center, width), opacity)
        return picture_and_numbers(analysis, view, drawn)

    def threshold(
        self,
        analysis: PageAnalysis | None,
        shown: bool,
        threshold: float,
        slice_number: float,
        center: float,
        width: float,
        opacity: float,
    ) -> Updates:
        """The tumour threshold was moved: label and measure the same probabilities again."""
        if analysis is None:
            return missing(shown)
        moved = analysis.at_threshold(threshold)
        view = View(slice_index(moved, slice_number), Window(center, width), opacity)
        return {
            "analysis": moved,
            "expected": page_text.expected(moved),
            "files": gr.update(visible=False, value=None),
            **picture_and_numbers(moved, view),
        }
