"""What the events of a comparison do: values in, updates by name out, as in `actions`.

A comparison is asked for by `compare`, and by `follow` after a main result. Neither needs the network where
the checkpoint was run on the input before; else they leave a `Wanted`, whose change has `fetch` run it and
touch nothing on the page, and `fetched` puts the result beside whatever the page shows by then.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import gradio as gr

from liverseg.app.html import comparison, page_text
from liverseg.app.html.page_text import sentence_for
from liverseg.app.page.updates import Updates, missing, picture, picture_and_numbers
from liverseg.app.state import session
from liverseg.app.state.checkpoints import Checkpoints
from liverseg.app.state.session import PageAnalysis
from liverseg.app.state.view import View
from liverseg.core.image import CTImage
from liverseg.errors import LiversegError
from liverseg.inference.progress import ProgressCallback
from liverseg.pipeline import Run

NO_COMPARISON = "-"
"""The dropdown's value for none; no reference to a checkpoint can be it."""


@dataclass(frozen=True, eq=False)
class Wanted:
    """A run that the page waits for. Each differs from all others, so that a refused one can be repeated."""

    ref: str
    ct: CTImage


@dataclass(frozen=True)
class Refused:
    """Why the run of a checkpoint came to nothing, in one sentence."""

    ref: str
    sentence: str


class Comparing:
    """The events of a comparison, on a set of checkpoints."""

    def __init__(self, checkpoints: Checkpoints) -> None:
        self.checkpoints = checkpoints

    def follow(
        self, analysis: PageAnalysis | None, awaited: Wanted | None, ref: str | None, view: View
    ) -> Updates:
        """There is a main result, or another one: offer what it can be compared with, and do so if it was."""
        if analysis is None:
            return {}
        own = analysis.seg.checkpoint.ref
        try:
            choices = [(label, other) for label, other in self.checkpoints.choices() if other != own]
        except LiversegError as error:
            return _refused(analysis, str(error))
        offer = {"choices": [("No comparison", NO_COMPARISON), *choices], "visible": bool(choices)}
        if ref not in [other for _, other in choices]:
            ref = offer["value"] = NO_COMPARISON
        return {"compare_with": gr.update(**offer), **self.compare(analysis, awaited, ref, view)}

    def compare(
        self,
        analysis: PageAnalysis | None,
        awaited: Wanted | None,
        ref: str | None,
        view: View,
    ) -> Updates:
        """A checkpoint to compare with was chosen. The choice itself stays: it may be another by now."""
        if analysis is None:
            return {}
        if ref is None or ref == NO_COMPARISON:
            return {**_alone(analysis), "comparison": ""}
        try:
            checkpoint = self.checkpoints.find(ref)
        except LiversegError as error:
            return _refused(analysis, str(error))
        if analysis.second is not None and session.is_result_of(analysis.second, checkpoint):
            return {}  # gradio tells of one choice more than once
        found = session.known_result(analysis, checkpoint)
        if found is not None:
            return _beside(analysis, found, view)
        waiting = {**_alone(analysis), "comparison": comparison.waiting(checkpoint.ref)}
        if _is_for(awaited, analysis, checkpoint.ref):
            return waiting
        wanted = Wanted(checkpoint.ref, analysis.ct)
        return {**waiting, "wanted": wanted, "awaited": wanted}

    def fetch(
        self,
        analysis: PageAnalysis | None,
        wanted: Wanted | None,
        fetched: PageAnalysis | Refused | None,
        progress: ProgressCallback | None = None,
    ) -> Updates:
        """Run the checkpoint that is wanted on the input; the page is not touched yet."""
        if analysis is None or wanted is None:
            return {}
        if isinstance(fetched, PageAnalysis) and _is_for(wanted, fetched, fetched.seg.checkpoint.ref):
            return {}  # it was run a moment ago and is about to be shown
        try:
            found = session.known_result(analysis, self.checkpoints.find(wanted.ref))
            if found is None:
                segmenter = self.checkpoints.segmenter(wanted.ref)
                found = session.analyse(analysis.sources, analysis.ct, segmenter, run=Run(progress))
            return {"fetched": found}
        except Exception as error:  # the boundary to the visitor, as in `updates.refusable`
            return {"fetched": Refused(wanted.ref, sentence_for(error))}

    def fetched(
        self,
        analysis: PageAnalysis | None,
        awaited: Wanted | None,
        fetched: PageAnalysis | Refused | None,
        ref: str | None,
        view: View,
    ) -> Updates:
        """The run came to an end: show it, unless another input or another checkpoint was chosen by then."""
        if analysis is None:
            return {"fetched": None, "awaited": None}
        done: Updates = {"fetched": None}
        if fetched is None or isinstance(fetched, Refused):
            if not _is_for(awaited, analysis, ref):
                return done
            sentence = page_text.NOT_COMPARED if fetched is None else fetched.sentence
            return {**done, "awaited": None, **_refused(analysis, sentence)}
        if fetched.ct is not analysis.ct:
            return done
        if _is_for(awaited, analysis, fetched.seg.checkpoint.ref):
            done["awaited"] = None
        if fetched.seg.checkpoint.ref != ref:
            return {**done, "analysis": session.with_known_results(analysis, *analysis.known, fetched)}
        return {**done, **_beside(analysis, fetched, view)}

    def jump(
        self,
        analysis: PageAnalysis | None,
        shown: bool,
        index: int,
        view: View,
    ) -> Updates:
        """To the slice where the two differ most."""
        if analysis is None:
            return missing(shown)
        view = replace(view, slice_index=index).within(len(analysis.ct.hu))
        return {"slice": view.slice_index + 1, **picture_and_numbers(analysis, view)}


def _is_for(awaited: Wanted | None, analysis: PageAnalysis, ref: str | None) -> bool:
    """Whether the run that is waited for is that checkpoint's on this input."""
    return awaited is not None and awaited.ct is analysis.ct and awaited.ref == ref


def _alone(analysis: PageAnalysis) -> Updates:
    return {"analysis": analysis.beside(None)} if analysis.second is not None else {}


def _refused(analysis: PageAnalysis, sentence: str) -> Updates:
    """The main result as it was, and why there is no comparison."""
    return {**_alone(analysis), "comparison": page_text.problem(sentence), "compare_with": NO_COMPARISON}


def _beside(analysis: PageAnalysis, other: PageAnalysis, view: View) -> Updates:
    """The comparison drawn; B is at its own threshold unless the visitor has moved A's."""
    view = view.within(len(analysis.ct.hu))
    moved = analysis.seg.threshold != analysis.own_threshold
    threshold = analysis.seg.threshold if moved else other.own_threshold
    both = session.with_known_results(analysis, other, *analysis.known).beside(other.at_threshold(threshold))
    return {
        "analysis": both,
        "files": gr.update(visible=False, value=None),
        "comparison": picture(both, view)["comparison"],
    }
