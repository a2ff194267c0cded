"""Updates of the page by name, and the sentence that an error becomes (no components here)."""

from __future__ import annotations

import functools
from collections.abc import Callable, Sequence
from typing import Any

import gradio as gr

from liverseg.app.html import comparison, page_text, volume
from liverseg.app.html import results as results_html
from liverseg.app.html.page_text import sentence_for
from liverseg.app.state import session
from liverseg.app.state.session import PageAnalysis
from liverseg.app.state.view import View
from liverseg.core.window import PRESETS, Window
from liverseg.errors import SeriesChoice
from liverseg.io.dicom.series_info import SeriesInfo

Updates = dict[str, Any]


def nothing_shown() -> Updates:
    """The page without a result."""
    return {
        "analysis": None,
        "shown": False,
        "viewer": page_text.empty_viewer(),
        "compare_with": gr.update(visible=False),
        "comparison": "",
        "results": "",
        "slice": gr.update(visible=False),
        "expected": "",
        "download": gr.update(visible=False),
        "files": gr.update(visible=False, value=None),
        "series": gr.update(visible=False),
        "planes": "",
        "solid": "",
        "point": None,
    }


def choice_of(found: Sequence[SeriesInfo]) -> Updates:
    """The page when it has to ask which series of an upload is meant."""
    choices = [(info.line().partition(": ")[2], info.number) for info in found]
    label = f"{len(found)} CT series in the upload: choose one"
    return {
        **nothing_shown(),
        "problem": "",
        "series": gr.update(choices=choices, value=None, label=label, visible=True),
    }


def missing(shown: bool) -> Updates:
    """For an event that needs a result when there is none: it was deleted, or there never was one."""
    return {**nothing_shown(), "problem": page_text.problem(page_text.EXPIRED)} if shown else {}


def refusable(action: Callable[..., Updates]) -> Callable[..., Updates]:
    """Turn an exception of an action into its sentence on a page without a result."""

    @functools.wraps(action)
    def guarded(*args: Any, **kwargs: Any) -> Updates:
        try:
            return action(*args, **kwargs)
        except SeriesChoice as choice:
            return choice_of(choice.series)
        except Exception as error:  # the boundary to the visitor: told, logged and survived
            return {**nothing_shown(), "problem": page_text.problem(sentence_for(error))}

    return guarded


def preset_of(window: Window) -> str | None:
    """The preset that a window is, if it is one.

    >>> preset_of(Window(40, 400)), preset_of(Window(41, 400))
    ('Abdomen', None)
    """
    return next((name for name, preset in PRESETS.items() if preset == window), None)


def picture_and_numbers(analysis: PageAnalysis, view: View, drawn: bool = False) -> Updates:
    """The parts that change with the slice."""
    return {
        **picture(analysis, view, drawn),
        "results": results_html.results(analysis, session.slice_counts(analysis.seg, view.slice_index)),
    }


def picture(analysis: PageAnalysis, view: View, drawn: bool = False) -> Updates:
    """The three pictures of a view, unless the page has `drawn` them itself; those of a comparison too."""
    count = len(analysis.ct.hu)
    drawn = drawn and count > 1
    if drawn and analysis.second is None:
        return {}
    label = f"slice {view.slice_index + 1} of {count}" if count > 1 else "the uploaded slice"
    jpegs = [session.as_jpeg(p) for p in session.draw(analysis, view)]
    of_volume = volume.viewer(jpegs, analysis, view) if count > 1 else ""
    shown: Updates = {} if drawn else {"viewer": of_volume or page_text.viewer(jpegs, label)}
    if analysis.second is not None:
        beside = [session.as_jpeg(p) for p in session.draw_beside(analysis, view)]
        shown["comparison"] = comparison.comparison(analysis, [jpegs[1], *beside], label)
    return shown
