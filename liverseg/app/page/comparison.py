"""What the events of a comparison do: values in, updates by name out, as in `actions`.

A comparison starts when a second checkpoint is chosen, and again after every new main result. If the second
checkpoint has run on the input before, its result is shown at once. Otherwise the state `pending` gets a
`PendingRun`. Its change starts `run_pending`, which runs the network and changes nothing on the page. Then
`show_finished` shows the result beside the main one, unless the visitor has chosen something else meanwhile.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import gradio as gr

from liverseg.app.html import comparison, page_text
from liverseg.app.page.updates import Updates, expired_result, picture_updates, slice_updates
from liverseg.app.state import session
from liverseg.app.state.checkpoints import Checkpoints
from liverseg.app.state.messages import sentence_for
from liverseg.app.state.session import PageAnalysis
from liverseg.app.state.view import View
from liverseg.app.text.catalogue import say
from liverseg.core.image import CTImage
from liverseg.errors import LiversegError
from liverseg.inference.progress import ProgressCallback
from liverseg.pipeline import Run

NO_COMPARISON = "-"
"""The value of the dropdown's first entry; it is not a valid checkpoint reference."""


@dataclass(frozen=True, eq=False)
class PendingRun:
    """A run of a checkpoint on an image. No two are equal, so that a failed run can be requested again."""

    ref: str
    ct: CTImage


@dataclass(frozen=True)
class FailedRun:
    """The sentence that says why a run of a checkpoint gave no result."""

    ref: str
    sentence: str


class ComparisonActions:
    """The events of a comparison, on a set of checkpoints."""

    def __init__(self, checkpoints: Checkpoints) -> None:
        self.checkpoints = checkpoints

    def follow_main_result(
        self, analysis: PageAnalysis | None, awaited: PendingRun | None, ref: str | None, view: View
    ) -> Updates:
        """A new main result: offer the other checkpoints, and compare with the one chosen before, if any."""
        if analysis is None:
            return {}
        own = analysis.seg.checkpoint.ref
        try:
            choices = [(label, other) for label, other in self.checkpoints.choices() if other != own]
        except LiversegError as error:
            return _refusal_updates(analysis, page_text.refusal(str(error)))
        dropdown = {
            "choices": [(say("label.no_comparison"), NO_COMPARISON), *choices],
            "visible": bool(choices),
        }
        if ref not in [other for _, other in choices]:
            ref = dropdown["value"] = NO_COMPARISON
        return {
            "compare_with": gr.update(**dropdown),
            **self.choose_second(analysis, awaited, ref, view),
        }

    def choose_second(
        self,
        analysis: PageAnalysis | None,
        awaited: PendingRun | None,
        ref: str | None,
        view: View,
    ) -> Updates:
        """A second checkpoint was chosen.

        The dropdown itself is not updated, as the visitor may have chosen another entry meanwhile.
        """
        if analysis is None:
            return {}
        if ref is None or ref == NO_COMPARISON:
            return {**_without_second(analysis), "comparison": ""}
        try:
            checkpoint = self.checkpoints.find(ref)
        except LiversegError as error:
            return _refusal_updates(analysis, page_text.refusal(str(error)))
        if analysis.second is not None and session.is_result_of(analysis.second, checkpoint):
            return {}  # gradio may send the event of one choice more than once
        known = session.known_result(analysis, checkpoint)
        if known is not None:
            return _comparison_updates(analysis, known, view)
        waiting = {**_without_second(analysis), "comparison": comparison.waiting_note(checkpoint.ref)}
        if _is_run_of(awaited, analysis, checkpoint.ref):
            return waiting
        pending = PendingRun(checkpoint.ref, analysis.ct)
        return {**waiting, "pending": pending, "awaited": pending}

    def run_pending(
        self,
        analysis: PageAnalysis | None,
        pending: PendingRun | None,
        finished: PageAnalysis | FailedRun | None,
        progress: ProgressCallback | None = None,
    ) -> Updates:
        """Run the second checkpoint on the input; only the state `finished` is updated."""
        if analysis is None or pending is None:
            return {}
        if isinstance(finished, PageAnalysis) and _is_run_of(pending, finished, finished.seg.checkpoint.ref):
            return {}  # it has run already and is about to be shown
        try:
            result = session.known_result(analysis, self.checkpoints.find(pending.ref))
            if result is None:
                segmenter = self.checkpoints.segmenter(pending.ref)
                result = session.analyse_upload(analysis.sources, analysis.ct, segmenter, run=Run(progress))
            return {"finished": result}
        except Exception as error:  # `sentence_for` logs what is unexpected; the page goes on
            return {"finished": FailedRun(pending.ref, sentence_for(error))}

    def show_finished(
        self,
        analysis: PageAnalysis | None,
        awaited: PendingRun | None,
        finished: PageAnalysis | FailedRun | None,
        ref: str | None,
        view: View,
    ) -> Updates:
        """A run has ended: show its result, unless the input or the second checkpoint is another by now."""
        if analysis is None:
            return {"finished": None, "awaited": None}
        updates: Updates = {"finished": None}
        if finished is None or isinstance(finished, FailedRun):
            if not _is_run_of(awaited, analysis, ref):
                return updates
            refusal = (
                page_text.problem(say("compare.not_run"))
                if finished is None
                else page_text.refusal(finished.sentence)
            )
            return {**updates, "awaited": None, **_refusal_updates(analysis, refusal)}
        if finished.ct is not analysis.ct:
            return updates
        if _is_run_of(awaited, analysis, finished.seg.checkpoint.ref):
            updates["awaited"] = None
        if finished.seg.checkpoint.ref != ref:
            return {**updates, "analysis": session.with_known_results(analysis, *analysis.known, finished)}
        return {**updates, **_comparison_updates(analysis, finished, view)}

    def go_to_slice(self, analysis: PageAnalysis | None, shown: bool, index: int, view: View) -> Updates:
        """Go to a slice, from 0; the page asks for the one where the two results differ most."""
        if analysis is None:
            return expired_result(shown)
        view = replace(view, slice_index=index).within(len(analysis.ct.hu))
        return {"slice": view.slice_index + 1, **slice_updates(analysis, view)}


def _is_run_of(run: PendingRun | None, analysis: PageAnalysis, ref: str | None) -> bool:
    """Whether a run is that of a checkpoint on the image of an analysis."""
    return run is not None and run.ct is analysis.ct and run.ref == ref


def _without_second(analysis: PageAnalysis) -> Updates:
    return {"analysis": analysis.with_second(None)} if analysis.second is not None else {}


def _refusal_updates(analysis: PageAnalysis, refusal: str) -> Updates:
    """The main result alone, and the reason why there is no comparison."""
    return {
        **_without_second(analysis),
        "comparison": refusal,
        "compare_with": NO_COMPARISON,
    }


def _comparison_updates(analysis: PageAnalysis, other: PageAnalysis, view: View) -> Updates:
    """The comparison of two results. B has its own threshold and lesion cut unless those of A were moved."""
    view = view.within(len(analysis.ct.hu))
    is_moved = analysis.seg.threshold != analysis.own_threshold
    threshold = analysis.seg.threshold if is_moved else other.own_threshold
    cut = other.own_cut
    if cut is not None and analysis.seg.lesion_cut not in (None, analysis.own_cut):
        cut = analysis.seg.lesion_cut
    analysis = session.with_known_results(analysis, other, *analysis.known)
    analysis = analysis.with_second(other.at_threshold(threshold, cut))
    return {
        "analysis": analysis,
        "files": gr.update(visible=False, value=None),
        "comparison": picture_updates(analysis, view)["comparison"],
    }
