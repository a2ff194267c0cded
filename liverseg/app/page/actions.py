"""What each event of the page does: values in, updates by name out (no components here).

An update is a dict from a name of `layout` to a value or a `gr.update`. A refusal becomes one sentence on the
page; an unexpected error becomes a general sentence, and a log line without file names.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import gradio as gr

from liverseg.app.examples import Examples
from liverseg.app.html import page_text
from liverseg.app.page.arrival import ArrivalActions
from liverseg.app.page.updates import (
    Updates,
    empty_page,
    expired_result,
    lesion_cut_updates,
    new_result,
    picture_updates,
    preset_name,
    show_errors,
    slice_updates,
)
from liverseg.app.state import session
from liverseg.app.state.cancellation import Runs
from liverseg.app.state.checkpoints import Checkpoints
from liverseg.app.state.session import PageAnalysis
from liverseg.app.state.view import RunRequest, View
from liverseg.core.window import PRESETS
from liverseg.errors import LiversegError
from liverseg.inference.progress import ProgressCallback
from liverseg.pipeline import Run


class Actions(ArrivalActions):
    """The events of the page, on a set of checkpoints and examples."""

    def __init__(self, checkpoints: Checkpoints, examples: Examples) -> None:
        self.checkpoints = checkpoints
        self.examples = examples
        self.runs = Runs()

    def _run(self, request: RunRequest, progress: ProgressCallback | None = None) -> Updates:
        """Read, segment and show an input."""
        ct = session.read_input(request.sources, request.made_with, request.series)
        segmenter = self.checkpoints.segmenter(request.checkpoint)
        analysis = session.analyse_upload(request.sources, ct, segmenter, run=Run(progress))
        case = self.examples.case_of(request.sources)
        analysis = replace(analysis, series=request.series, example=case)
        return {
            **new_result(analysis, request.view),
            "series": gr.update(visible=request.series is not None),
        }

    def series(self, request: RunRequest, progress: ProgressCallback | None = None) -> Updates:
        """Segment the chosen series; the other series of the upload can still be chosen afterwards."""
        if not request.sources or request.series is None:
            return {}
        chosen = replace(request, sources=session.latest_input(request.sources))
        return {**show_errors(self._run)(chosen, progress), "series": gr.update(visible=True)}

    @show_errors
    def upload(self, request: RunRequest, progress: ProgressCallback | None = None) -> Updates:
        """Read and segment the uploaded files."""
        given = list(request.sources)
        paths = session.latest_input(given)
        shown = self._run(replace(request, sources=paths, series=None), progress)
        return shown if paths == given else {**shown, "upload": paths}

    def upload_removed(self, sources: Sequence[str] | None) -> Updates:
        """A file of the upload was removed: the page is empty once the last one is."""
        if sources:
            return {}
        return {**empty_page(), "problem": "", "made_with": gr.update(visible=True)}

    @show_errors
    def checkpoint(
        self, analysis: PageAnalysis | None, request: RunRequest, progress: ProgressCallback | None = None
    ) -> Updates:
        """Run the checkpoint that was chosen on what is loaded, and stay at the slice shown."""
        chosen = self.checkpoints.find(request.checkpoint)
        card = {"card": page_text.checkpoint_card(chosen)}
        if analysis is None and not request.sources:
            return {**card, "problem": ""}
        if analysis is not None and session.is_result_of(analysis, chosen):
            return card  # gradio sends the event of one choice more than once
        if analysis is None:
            paths = session.latest_input(request.sources)
            return {**card, **self._run(replace(request, sources=paths, series=None), progress)}
        fresh = (
            session.known_result(analysis, chosen)
            or self.known_example(analysis, chosen)
            or session.analyse_upload(
                analysis.sources,
                analysis.ct,
                self.checkpoints.segmenter(request.checkpoint),
                run=Run(progress),
            )
        )
        fresh = replace(fresh, series=analysis.series, example=analysis.example)
        self.examples.keep(fresh, chosen)
        fresh = session.with_known_results(fresh, *analysis.known, analysis)
        return {
            **card,
            "analysis": fresh,
            "shown": True,
            "problem": "",
            "threshold": fresh.seg.threshold,
            "expected": page_text.expected_performance(fresh),
            **lesion_cut_updates(fresh),
            "files": gr.update(visible=False, value=None),
            "comparison": "",
            **slice_updates(fresh, request.view.within(len(fresh.ct.hu))),
        }

    def picture_window(
        self, analysis: PageAnalysis | None, request: RunRequest, progress: ProgressCallback | None = None
    ) -> Updates:
        """The window that a picture was made with has changed, and so have its HU: run again."""
        if analysis is None or not analysis.is_picture:
            return {}
        try:
            window = request.made_with
        except LiversegError as error:
            return {"problem": page_text.problem(str(error))}
        if window == analysis.ct.assumed_window:
            return {}
        view = View(0, window, request.view.opacity)
        again = replace(request, sources=analysis.sources, series=analysis.series, view=view)
        return show_errors(self._run)(again, progress)

    def view(self, analysis: PageAnalysis | None, shown: bool, view: View, drawn: bool = False) -> Updates:
        """The window or the opacity has changed: draw again, unless the browser has `drawn` the pictures."""
        if analysis is None:
            return expired_result(shown)
        view = view.within(len(analysis.ct.hu))
        return {**picture_updates(analysis, view, drawn), "preset": preset_name(view.window)}

    def preset(
        self,
        analysis: PageAnalysis | None,
        shown: bool,
        name: str | None,
        view: View,
        drawn: bool = False,
    ) -> Updates:
        """A named window was chosen."""
        if name not in PRESETS:
            return {}
        window = PRESETS[name]
        moved: Updates = {"center": window.center_hu, "width": window.width_hu}
        if analysis is None:
            return {**moved, **expired_result(shown)}
        view = replace(view.within(len(analysis.ct.hu)), window=window)
        return {**moved, **picture_updates(analysis, view, drawn)}

    def slice(self, analysis: PageAnalysis | None, shown: bool, view: View, drawn: bool = False) -> Updates:
        """Another slice of a volume was chosen."""
        if analysis is None:
            return expired_result(shown)
        return slice_updates(analysis, view.within(len(analysis.ct.hu)), drawn)

    def threshold(self, analysis: PageAnalysis | None, shown: bool, threshold: float, view: View) -> Updates:
        """The tumour threshold has changed: label and measure the same probabilities again."""
        if analysis is None:
            return expired_result(shown)
        moved = analysis.at_threshold(threshold)
        return {"expected": page_text.expected_performance(moved), **_relabelled(moved, view)}

    def lesion_cut(self, analysis: PageAnalysis | None, shown: bool, cut: float, view: View) -> Updates:
        """The lesion cut has changed: decide and measure the same candidates again."""
        if analysis is None:
            return expired_result(shown)
        if analysis.own_cut is None:
            return {}
        moved = analysis.at_threshold(analysis.seg.threshold, cut)
        return {"operating": page_text.operating_point(moved), **_relabelled(moved, view)}


def _relabelled(moved: PageAnalysis, view: View) -> Updates:
    """The page after its result was labelled anew; prepared downloads no longer show it."""
    return {
        "analysis": moved,
        "files": gr.update(visible=False, value=None),
        **slice_updates(moved, view.within(len(moved.ct.hu))),
    }
