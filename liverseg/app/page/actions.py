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
from liverseg.app.page import switching
from liverseg.app.page.example_actions import ExampleActions
from liverseg.app.page.updates import (
    Updates,
    empty_page,
    expired_result,
    lesion_cut_updates,
    new_result_updates,
    picture_updates,
    preset_name,
    result_updates,
    show_errors,
    slice_updates,
)
from liverseg.app.state import session
from liverseg.app.state.cancellation import Runs
from liverseg.app.state.checkpoints import Checkpoints
from liverseg.app.state.messages import sentence_for
from liverseg.app.state.session import PageAnalysis
from liverseg.app.state.view import RunRequest, View
from liverseg.app.state.visit import with_choices
from liverseg.app.text.catalogue import say
from liverseg.core.window import PRESETS
from liverseg.errors import InvalidSetting, LiversegError
from liverseg.inference.progress import ProgressCallback
from liverseg.pipeline import Run


class Actions(ExampleActions):
    """The events of the page, on a set of checkpoints and examples."""

    def __init__(self, checkpoints: Checkpoints, examples: Examples) -> None:
        self.checkpoints = checkpoints
        self.examples = examples
        self.runs = Runs()

    def _run(self, request: RunRequest, progress: ProgressCallback | None = None) -> Updates:
        """Read, segment and show an input; what the visitor has set holds for the result."""
        choices = request.choices
        choices.ran = tuple(request.sources), request.series, request.made_center, request.made_width
        ct = session.read_input(request.sources, request.made_with, request.series)
        segmenter, instead = switching.segmenter_or_next(self.checkpoints, request)
        analysis = session.analyse_upload(request.sources, ct, segmenter, run=Run(progress))
        case = self.examples.case_of(request.sources)
        analysis = replace(analysis, series=request.series, example=case)
        analysis = with_choices(analysis, choices)
        view = session.initial_view(analysis, request.view.with_choices(choices), choices.window)
        return {**new_result_updates(analysis, view), **instead}

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

    def run_again(self, request: RunRequest, progress: ProgressCallback | None = None) -> Updates:
        """Run once more on the input of the latest run, after an error or a cancelled run."""
        if request.choices.ran is None:
            return self.upload(request, progress)
        sources, series, *made_with = request.choices.ran
        if set(sources) <= set(request.sources):
            return show_errors(self._run)(replace(request, sources=sources, series=series), progress)
        again = _input_only(request, sources, (made_with[0], made_with[1]))
        shown = show_errors(self._run)(replace(again, series=series), progress)
        return {**shown, "upload": list(sources), "made_center": made_with[0], "made_width": made_with[1]}

    def upload_removed(self, sources: Sequence[str] | None) -> Updates:
        """A file of the upload was removed: the page is empty once the last one is."""
        if sources:
            return {}
        return {**empty_page(), "problem": "", "made_with": gr.update(visible=False)}

    def checkpoint(
        self, analysis: PageAnalysis | None, request: RunRequest, progress: ProgressCallback | None = None
    ) -> Updates:
        """Run the checkpoint that was chosen on what is loaded, and stay at the slice shown.

        Where that fails, the result stays as it is, and so does its checkpoint.
        """
        if analysis is None:
            return show_errors(self._result_of_upload)(request, progress)
        try:
            return self._another_result(analysis, request, progress)
        except Exception as error:  # `sentence_for` logs what is unexpected; the page goes on
            sentence = sentence_for(error)
            return switching.kept_result(
                self.checkpoints, analysis, request.choices, sentence, request.checkpoint
            )

    def _result_of_upload(self, request: RunRequest, progress: ProgressCallback | None) -> Updates:
        """The card of the chosen checkpoint, and its result if there is an upload."""
        card = {"card": page_text.checkpoint_card(self.checkpoints.find(request.checkpoint))}
        if not request.sources:
            return {**card, "problem": ""}
        paths = session.latest_input(request.sources)
        return {**card, **self._run(replace(request, sources=paths, series=None), progress)}

    def _another_result(
        self, analysis: PageAnalysis, request: RunRequest, progress: ProgressCallback | None
    ) -> Updates:
        chosen = self.checkpoints.find(request.checkpoint)
        card = {"card": page_text.checkpoint_card(chosen), "waiting": ""}
        if session.is_result_of(analysis, chosen):
            return card  # gradio sends the event of one choice more than once
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
        choices = request.choices
        choices.forget_levels()
        if choices.checkpoint not in (None, request.checkpoint):
            card = {}  # another one was chosen meanwhile; its card is shown already
        return {
            **card,
            "analysis": fresh,
            "shown": True,
            "problem": page_text.rejections_remain(analysis),
            "threshold": fresh.seg.threshold,
            "expected": page_text.expected_performance(fresh),
            **lesion_cut_updates(fresh),
            "files": gr.update(visible=False, value=None),
            "comparison": "",
            **result_updates(fresh, request.view.with_choices(choices).within(len(fresh.ct.hu))),
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
            return {"problem": page_text.refusal(str(error))}
        if window == analysis.ct.assumed_window:
            return {}
        request.choices.window = None  # that of the picture is shown
        view = View(0, window, request.view.opacity)
        again = replace(request, sources=analysis.sources, series=analysis.series, view=view)
        shown = show_errors(self._run)(again, progress)
        edited = analysis.seg.rejections is not None and shown["problem"] == ""
        return {**shown, "problem": page_text.note(say("rejections.lost"))} if edited else shown

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

    def reject(self, analysis: PageAnalysis | None, shown: bool, lesion_id: int, view: View) -> Updates:
        """A lesion was rejected, or restored if it was rejected: label and measure the candidates again.

        Nothing changes for a number that no lesion of the result has.
        """
        if analysis is None:
            return expired_result(shown)
        numbers = set(analysis.seg.rejected) ^ {lesion_id}
        try:
            moved = analysis.with_rejected(numbers)
        except InvalidSetting:
            return {}
        return {"problem": page_text.rejections_forgotten(analysis), **_relabelled(moved, view)}


def _input_only(
    request: RunRequest, sources: Sequence[str], made_with: tuple[float | None, float | None]
) -> RunRequest:
    """A request for another input than the upload."""
    return replace(request, sources=sources, series=None, made_center=made_with[0], made_width=made_with[1])


def _relabelled(moved: PageAnalysis, view: View) -> Updates:
    """The page after its result was labelled anew; prepared downloads no longer show it."""
    return {
        "analysis": moved,
        "files": gr.update(visible=False, value=None),
        **result_updates(moved, view.within(len(moved.ct.hu))),
    }
