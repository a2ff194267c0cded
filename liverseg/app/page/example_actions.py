"""The examples on the page: what it opens with, and what a click on an example does.

The page opens with the prepared result of the first example; no network runs for it. While that result is
not ready, `tick` looks for it, and the state `arrived` then starts `on_load` again. A prepared example is
shown at once when it is chosen. The state `wanted` sends any other one to the queue of the network.
"""

from __future__ import annotations

from contextlib import suppress
from dataclasses import dataclass, replace

import gradio as gr

from liverseg.app.examples import Examples
from liverseg.app.html import examples as examples_html
from liverseg.app.page.updates import Updates, new_result_updates, show_errors
from liverseg.app.state import session
from liverseg.app.state.cancellation import Runs
from liverseg.app.state.checkpoints import Checkpoints
from liverseg.app.state.session import PageAnalysis
from liverseg.app.state.view import RunRequest
from liverseg.app.state.visit import with_choices
from liverseg.core.window import DEFAULT_WINDOW
from liverseg.errors import LiversegError
from liverseg.inference.progress import ProgressCallback
from liverseg.pipeline import Run
from registry import Checkpoint


@dataclass(frozen=True, eq=False)
class WantedExample:
    """An example that was chosen. No two are equal, so that it can be chosen again."""

    key: str


class ExampleActions:
    """The events of the examples."""

    checkpoints: Checkpoints
    examples: Examples
    runs: Runs

    def on_load(
        self, analysis: PageAnalysis | None, shown: bool, is_running: bool, request: RunRequest
    ) -> Updates:
        """The page was opened: show the first example, unless there is something else to show.

        An upload, a run under way and another checkpoint than the default come first.
        """
        result = None
        if self._is_free(analysis, shown, is_running, request):
            with suppress(LiversegError):  # the line about checkpoints, or the log, says why
                result = self._result_of_first_example()
        if result is None:
            return self.tick(analysis, shown, is_running, request)
        updates = self._shown(result, request)
        del updates["problem"]  # a result that is gone was explained there
        return {**updates, **self.gallery_updates()}

    def tick(
        self, analysis: PageAnalysis | None, shown: bool, is_running: bool, request: RunRequest
    ) -> Updates:
        """While examples are being prepared: what the gallery shows, and whether the first one is ready."""
        if not self._is_free(analysis, shown, is_running, request):
            return self.gallery_updates()
        try:
            checkpoint = self.checkpoints.find(None)
        except LiversegError:
            return self.gallery_updates()
        first = self.examples.first(checkpoint)
        if first is not None and self.examples.in_memory(first.key, checkpoint) is not None:
            return {**self.gallery_updates(), "arrived": WantedExample(first.key)}
        waiting = examples_html.preparing() if self.examples.preparing else ""
        return {**self.gallery_updates(), "example_note": waiting}

    def _is_free(
        self, analysis: PageAnalysis | None, shown: bool, is_running: bool, request: RunRequest
    ) -> bool:
        """Whether the page shows nothing and waits for nothing, with the default checkpoint."""
        if analysis is not None or shown or is_running or request.sources:
            return False
        try:
            return request.checkpoint in (None, self.checkpoints.find(None).ref)
        except LiversegError:
            return False

    def _result_of_first_example(self) -> PageAnalysis | None:
        checkpoint = self.checkpoints.find(None)
        first = self.examples.first(checkpoint)
        return None if first is None else self.examples.result(first.key, checkpoint)

    def gallery_updates(self) -> Updates:
        """The gallery as it is now; `tick` goes on while examples are being prepared."""
        return {
            "examples": examples_html.gallery(self.examples.list, self.examples.thumbnails),
            "arrival_timer": gr.update(active=self.examples.preparing),
        }

    @show_errors
    def choose_example(self, key: str, request: RunRequest) -> Updates:
        """An example was chosen: show its prepared result, or ask for a run of the network."""
        result = self.examples.result(key, self.checkpoints.find(request.checkpoint))
        return {"wanted": WantedExample(key)} if result is None else self._shown(result, request)

    def wanted_example(
        self, wanted: WantedExample | None, request: RunRequest, progress: ProgressCallback | None = None
    ) -> Updates:
        """Run the network on an example that is not prepared."""
        return {} if wanted is None else self.example(wanted.key, request, progress)

    @show_errors
    def example(self, key: str, request: RunRequest, progress: ProgressCallback | None = None) -> Updates:
        """The result of the chosen checkpoint on an example; the network runs only where it is not kept."""
        checkpoint = self.checkpoints.find(request.checkpoint)
        case = self.examples.case(key)
        result = self.examples.result_of(case, checkpoint)
        if result is None:
            segmenter = self.checkpoints.segmenter(request.checkpoint)
            fresh = session.analyse_upload(case.files.sources, case.ct, segmenter, run=Run(progress))
            result = replace(fresh, series=case.about.series, example=case)
            self.examples.keep(result, checkpoint)
        return self._shown(result, request)

    def _shown(self, result: PageAnalysis, request: RunRequest) -> Updates:
        """A result at the threshold and in the window that the visitor has set."""
        choices = request.choices
        choices.ran = None  # Run again runs the upload
        window = result.ct.assumed_window or DEFAULT_WINDOW
        made = {"made_center": window.center_hu, "made_width": window.width_hu}
        result = with_choices(result, choices)
        view = session.initial_view(result, request.view.with_choices(choices), choices.window)
        return {**new_result_updates(result, view), **made, "upload": None}

    def known_example(self, analysis: PageAnalysis, checkpoint: Checkpoint) -> PageAnalysis | None:
        """The kept result of a checkpoint on the example shown; None for an upload."""
        case = analysis.example
        if case is None or analysis.ct is not case.ct:
            return None
        return self.examples.result_of(case, checkpoint)
