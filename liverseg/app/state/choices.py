"""What a visitor has set on the page, which holds for the next result too (no torch, no gradio)."""

from __future__ import annotations

from dataclasses import dataclass

from liverseg.core.window import Window


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

    def forget_levels(self) -> None:
        """Leave threshold and lesion cut to the next result: they mean nothing to another checkpoint."""
        self.threshold = self.lesion_cut = None
