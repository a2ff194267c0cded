"""What a visitor has set on the page, which holds for the next result too (no torch, no gradio)."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from liverseg.core.window import Window

if TYPE_CHECKING:
    from liverseg.app.state.session import PageAnalysis
    from liverseg.app.state.view import View


@dataclass
class Choices:
    """What a visitor has set on the page; None where it is left to the result."""

    threshold: float | None = None
    lesion_cut: float | None = None
    window: Window | None = None
    opacity: float | None = None
    slice_index: int | None = None  # of the slice shown, from 0
    checkpoint: str | None = None  # chosen in the list
    ran: tuple[tuple[str, ...], int | None, float | None, float | None] | None = None
    """Paths and series of the latest run, and centre and width of the window a picture was made with."""

    def applied_to(self, analysis: PageAnalysis) -> PageAnalysis:
        """A new result at the threshold and the lesion cut that were set."""
        threshold = analysis.seg.threshold if self.threshold is None else self.threshold
        cut = self.lesion_cut if analysis.own_cut is not None else None
        return analysis.at_threshold(threshold, cut)

    def view(self, view: View) -> View:
        """A view with the slice that is shown, and the window and the opacity that were set."""
        index = view.slice_index if self.slice_index is None else self.slice_index
        opacity = view.opacity if self.opacity is None else self.opacity
        return replace(view, slice_index=index, window=self.window or view.window, opacity=opacity)

    def forget_levels(self) -> None:
        """Leave threshold and lesion cut to the next result: they mean nothing to another checkpoint."""
        self.threshold = self.lesion_cut = None
