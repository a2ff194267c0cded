"""What each event of the page does: values in, updates by name out (no components here).

An update is a dict from a name of `layout` to a value or a `gr.update`. A refusal becomes one
sentence on the page; anything unexpected a general one, and a log line without file names.
"""

from __future__ import annotations

import functools
import logging
import traceback
from collections.abc import Callable, Sequence
from typing import Any

import gradio as gr

from liverseg.app import session, texts
from liverseg.app.examples import Examples
from liverseg.app.loading import Checkpoints
from liverseg.app.session import Analysis, View
from liverseg.errors import LiversegError
from liverseg.segmenter import Progress
from liverseg.windowing import PRESETS, Window

Updates = dict[str, Any]
_log = logging.getLogger(__name__)


def sentence_for(error: Exception) -> str:
    """What a visitor is told of an error; what is unexpected is logged without its text.

    An exception's text may name files or quote their content, so only its place is logged.
    """
    if isinstance(error, LiversegError):
        return str(error)
    places = [f"{frame.name}:{frame.lineno}" for frame in traceback.extract_tb(error.__traceback__)[-4:]]
    _log.error("unexpected %s at %s", type(error).__name__, " > ".join(places))
    return texts.UNEXPECTED


def nothing_shown() -> Updates:
    """The page without a result."""
    return {
        "analysis": None,
        "shown": False,
        "viewer": texts.empty_viewer(),
        "results": "",
        "slice": gr.update(visible=False),
        "download": gr.update(visible=False),
        "files": gr.update(visible=False, value=None),
    }


def missing(shown: bool) -> Updates:
    """For an event that needs a result when there is none: it was deleted, or there never was one."""
    return {**nothing_shown(), "problem": texts.problem(texts.EXPIRED)} if shown else {}


def refusable(action: Callable[..., Updates]) -> Callable[..., Updates]:
    """Turn an exception of an action into its sentence on a page without a result."""

    @functools.wraps(action)
    def guarded(*args: Any, **kwargs: Any) -> Updates:
        try:
            return action(*args, **kwargs)
        except Exception as error:  # the boundary to the visitor: told, logged and survived
            return {**nothing_shown(), "problem": texts.problem(sentence_for(error))}

    return guarded


def preset_of(window: Window) -> str | None:
    """The preset that a window is, if it is one.

    >>> preset_of(Window(40, 400)), preset_of(Window(41, 400))
    ('Abdomen', None)
    """
    return next((name for name, preset in PRESETS.items() if preset == window), None)


def picture_and_numbers(analysis: Analysis, view: View) -> Updates:
    """The parts that change with the slice."""
    return {
        **picture(analysis, view),
        "results": texts.results(analysis, session.slice_counts(analysis.seg, view.slice_index)),
    }


def picture(analysis: Analysis, view: View) -> Updates:
    """The three pictures of a view."""
    count = len(analysis.ct.hu)
    label = f"slice {view.slice_index + 1} of {count}" if count > 1 else "the uploaded slice"
    return {"viewer": texts.viewer([session.as_jpeg(p) for p in session.draw(analysis, view)], label)}


class Actions:
    """The events of the page, on a set of checkpoints and examples."""

    def __init__(self, checkpoints: Checkpoints, examples: Examples) -> None:
        self.checkpoints = checkpoints
        self.examples = examples

    def _run(
        self,
        sources: Sequence[str],
        ref: str | None,
        made_with: Window,
        view: View,
        progress: Progress | None = None,
    ) -> Updates:
        """Read, segment and show an input from the start."""
        ct = session.read_input(sources, made_with)
        analysis = session.analyse(sources, ct, self.checkpoints.segmenter(ref), progress=progress)
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
            "download": gr.update(visible=True),
            "files": gr.update(visible=False, value=None),
            **picture_and_numbers(analysis, view),
        }

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
        paths = [sources] if isinstance(sources, str) else list(sources or [])
        view = View(0, Window(center, width), opacity)
        return self._run(paths, ref, made_window(made_center, made_width), view, progress)

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
        analysis: Analysis | None,
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
        card = {"card": texts.checkpoint_card(self.checkpoints.find(ref))}
        if analysis is None and not sources:
            return {**card, "problem": ""}
        if analysis is None:
            view = View(0, Window(center, width), opacity)
            return {**card, **self._run(sources, ref, made_window(made_center, made_width), view, progress)}
        fresh = session.analyse(
            analysis.sources, analysis.ct, self.checkpoints.segmenter(ref), progress=progress
        )
        view = View(slice_index(analysis, slice_number), Window(center, width), opacity)
        return {
            **card,
            "analysis": fresh,
            "shown": True,
            "problem": "",
            "threshold": fresh.seg.threshold,
            "files": gr.update(visible=False, value=None),
            **picture_and_numbers(fresh, view),
        }

    def remade(
        self,
        analysis: Analysis | None,
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
            return {"problem": texts.problem(str(error))}
        if window == analysis.ct.assumed_window:
            return {}
        return refusable(self._run)(analysis.sources, ref, window, View(0, window, opacity), progress)

    def view(
        self,
        analysis: Analysis | None,
        shown: bool,
        slice_number: float,
        center: float,
        width: float,
        opacity: float,
    ) -> Updates:
        """The window or the opacity was changed: draw, nothing else."""
        if analysis is None:
            return missing(shown)
        view = View(slice_index(analysis, slice_number), Window(center, width), opacity)
        return {**picture(analysis, view), "preset": preset_of(view.window)}

    def preset(
        self, analysis: Analysis | None, shown: bool, name: str | None, slice_number: float, opacity: float
    ) -> Updates:
        """A named window was chosen."""
        if name not in PRESETS:
            return {}
        window = PRESETS[name]
        moved: Updates = {"center": window.center_hu, "width": window.width_hu}
        if analysis is None:
            return {**moved, **missing(shown)}
        return {**moved, **picture(analysis, View(slice_index(analysis, slice_number), window, opacity))}

    def slice(
        self,
        analysis: Analysis | None,
        shown: bool,
        slice_number: float,
        center: float,
        width: float,
        opacity: float,
    ) -> Updates:
        """Another slice of a volume was chosen."""
        if analysis is None:
            return missing(shown)
        view = View(slice_index(analysis, slice_number), Window(center, width), opacity)
        return picture_and_numbers(analysis, view)

    def threshold(
        self,
        analysis: Analysis | None,
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
            "files": gr.update(visible=False, value=None),
            **picture_and_numbers(moved, view),
        }


def made_window(center: float | None, width: float | None) -> Window:
    """The window a picture was made with; an empty field is the usual one's."""
    usual = PRESETS["Abdomen"]
    return Window(usual.center_hu if center is None else center, usual.width_hu if width is None else width)


def slice_index(analysis: Analysis, slice_number: float | None) -> int:
    """The page's slice number (from 1) as an index, kept within what there is."""
    return min(max(int(slice_number or 1) - 1, 0), len(analysis.ct.hu) - 1)
