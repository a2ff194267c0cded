"""Updates of the page by component name, and how errors become updates (no components here)."""

from __future__ import annotations

import functools
from collections.abc import Callable, Sequence
from typing import Any

import gradio as gr

from liverseg.app.html import api_call, comparison, page_text, source, volume
from liverseg.app.html import examples as examples_html
from liverseg.app.html import results as results_html
from liverseg.app.state import session
from liverseg.app.state.jpeg import as_jpeg
from liverseg.app.state.messages import sentence_for
from liverseg.app.state.session import PageAnalysis
from liverseg.app.state.view import View
from liverseg.app.text.catalogue import say
from liverseg.core.window import PRESETS, Window
from liverseg.errors import InputTooLarge, InputTooSmall, NotCT, SeriesChoice, UnreadableInput
from liverseg.io.dicom.series_info import SeriesInfo

Updates = dict[str, Any]
"""New values, or `gr.update`s, by the name of a component in `layout`."""


def empty_page() -> Updates:
    """The page without a result."""
    return {
        "analysis": None,
        "shown": False,
        "viewer": page_text.empty_viewer(),
        "compare_with": gr.update(visible=False),
        "comparison": "",
        "results": "",
        "panel_slice": "",
        "provenance": "",
        "api_call": "",
        "example_note": "",
        "slice": gr.update(visible=False),
        "expected": "",
        "lesion_cut": gr.update(visible=False),
        "operating": "",
        "download": gr.update(visible=False),
        "files": gr.update(visible=False, value=None),
        "series": gr.update(visible=False),
        "planes": "",
        "surfaces": "",
        "point": None,
        "waiting": "",
        "run_again": gr.update(visible=False),
    }


def new_result_updates(analysis: PageAnalysis, view: View) -> Updates:
    """A result with its controls at the values it was made with, seen in `view`."""
    count = len(analysis.ct.hu)
    return {
        "analysis": analysis,
        "shown": True,
        "problem": "",
        "slice": gr.update(value=view.slice_index + 1, maximum=max(count, 2), visible=count > 1),
        "made_with": gr.update(visible=analysis.is_picture),
        "center": view.window.center_hu,
        "width": view.window.width_hu,
        "preset": preset_name(view.window),
        "threshold": analysis.seg.threshold,
        "expected": page_text.expected_performance(analysis),
        **lesion_cut_updates(analysis),
        "download": gr.update(visible=True),
        "files": gr.update(visible=False, value=None),
        "series": gr.update(visible=analysis.series is not None),
        "comparison": "",
        "point": None,
        "waiting": "",
        "run_again": gr.update(visible=False),
        **result_updates(analysis, view),
    }


def can_run_again(error: Exception) -> bool:
    """Whether the same input may give a result where it gave an error: not where it cannot be read."""
    return not isinstance(error, UnreadableInput | NotCT | InputTooLarge | InputTooSmall)


def series_choice(series: Sequence[SeriesInfo]) -> Updates:
    """An empty page that asks which series of an upload to segment."""
    choices = [(info.line().partition(": ")[2], info.number) for info in series]
    label = say("series.choose", count=len(series))
    return {
        **empty_page(),
        "problem": "",
        "series": gr.update(choices=choices, value=None, label=label, visible=True),
    }


def expired_result(shown: bool) -> Updates:
    """For an event that needs a result where there is none.

    If the page has `shown` a result, the server has deleted it, and the page says so.
    """
    return {**empty_page(), "problem": page_text.problem(say("expired"))} if shown else {}


def show_errors(action: Callable[..., Updates]) -> Callable[..., Updates]:
    """Decorate an action so that an exception becomes a sentence on an empty page."""

    @functools.wraps(action)
    def guarded(*args: Any, **kwargs: Any) -> Updates:
        try:
            return action(*args, **kwargs)
        except SeriesChoice as choice:
            return series_choice(choice.series)
        except Exception as error:  # `sentence_for` logs what is unexpected; the page goes on
            again = gr.update(visible=can_run_again(error))
            return {**empty_page(), "problem": page_text.refusal(sentence_for(error)), "run_again": again}

    return guarded


def preset_name(window: Window) -> str | None:
    """The name of the preset that equals a window; None if none does.

    >>> preset_name(Window(40, 400)), preset_name(Window(41, 400))
    ('Abdomen', None)
    """
    return next((name for name, preset in PRESETS.items() if preset == window), None)


def lesion_cut_updates(analysis: PageAnalysis) -> Updates:
    """The slider of the lesion cut, visible only where there is a lesion model, and its sentence."""
    cut = analysis.seg.lesion_cut
    slider = gr.update(visible=False) if cut is None else gr.update(visible=True, value=cut)
    return {"lesion_cut": slider, "operating": page_text.operating_point(analysis)}


def result_updates(analysis: PageAnalysis, view: View) -> Updates:
    """Everything that changes with the result: pictures, panel, provenance, and the call that repeats it."""
    return {
        **slice_updates(analysis, view),
        "results": results_html.results_panel(analysis),
        "example_note": examples_html.note(analysis),
        "provenance": source.source_section(analysis.report),
        "api_call": api_call.api_call(analysis),
    }


def slice_updates(analysis: PageAnalysis, view: View, drawn: bool = False) -> Updates:
    """Everything that changes with the slice: pictures, and the counts of the slice."""
    counts = session.slice_counts(analysis.seg, view.slice_index)
    return {
        **picture_updates(analysis, view, drawn),
        "panel_slice": results_html.slice_note(analysis, counts),
    }


def picture_updates(analysis: PageAnalysis, view: View, drawn: bool = False) -> Updates:
    """The three pictures of a view, and those of a comparison.

    `drawn` says that the browser draws the three pictures itself; they are then left out.
    """
    count = len(analysis.ct.hu)
    if drawn and analysis.second is None:
        return {}
    label = page_text.slice_label(view.slice_index, count)
    jpegs = [as_jpeg(picture, analysis.longest_px) for picture in session.draw_pictures(analysis, view)]
    updates: Updates = {}
    if not drawn:
        updates["viewer"] = volume.volume_viewer(jpegs, analysis, view)
    if analysis.second is not None:
        second_and_difference = [
            as_jpeg(picture, analysis.longest_px) for picture in session.draw_comparison(analysis, view)
        ]
        updates["comparison"] = comparison.comparison_section(
            analysis, [jpegs[1], *second_and_difference], label
        )
    return updates
