"""What the page's controls say, as values: how to draw a result, and what to run the network on."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace

from liverseg.app.state.choices import Choices
from liverseg.core.window import DEFAULT_WINDOW, Window
from liverseg.rendering.slice_view import DEFAULT_OPACITY

CENTER_RANGE_HU = (-1000, 1000)
WIDTH_RANGE_HU = (10, 3000)
"""Ranges of the sliders of the display window."""


@dataclass(frozen=True)
class View:
    """How a result is drawn."""

    slice_index: int = 0  # from 0
    window: Window = DEFAULT_WINDOW
    opacity: float = DEFAULT_OPACITY

    @classmethod
    def of_controls(cls, slice_number: float | None, center: float, width: float, opacity: float) -> View:
        """The view that the page's controls show; slice numbers count from 1.

        Raises `InvalidSetting` for a window that cannot be.

        >>> View.of_controls(3, 40, 400, 0.3).slice_index, View.of_controls(None, 40, 400, 0.3).slice_index
        (2, 0)
        """
        return cls(max(int(slice_number or 1) - 1, 0), Window(center, width), opacity)

    def within(self, slices: int) -> View:
        """The view with its slice among the `slices` of an image.

        >>> View(9).within(5).slice_index
        4
        """
        return replace(self, slice_index=min(max(self.slice_index, 0), slices - 1))

    def with_choices(self, choices: Choices) -> View:
        """The view with the slice that is shown, and the window and the opacity that the visitor has set.

        >>> View(3).with_choices(Choices(slice_index=1)).slice_index
        1
        """
        index = self.slice_index if choices.slice_index is None else choices.slice_index
        opacity = self.opacity if choices.opacity is None else choices.opacity
        return replace(self, slice_index=index, window=choices.window or self.window, opacity=opacity)


@dataclass(frozen=True)
class RunRequest:
    """What an event asks the network to run on, as the page's controls say it."""

    sources: Sequence[str] = ()  # paths of the upload
    checkpoint: str | None = None  # a reference; None: the default checkpoint
    made_center: float | None = None  # of the window that a picture was made with, HU
    made_width: float | None = None
    series: int | None = None  # number of the series, where the upload holds several
    view: View = View()
    choices: Choices = field(default_factory=Choices)  # what the visitor has set, also during the run

    @classmethod
    def of_controls(
        cls,
        sources: str | Sequence[str] | None,
        checkpoint: str | None,
        series: int | None,
        made: tuple[float | None, float | None],
        view: View,
    ) -> RunRequest:
        """The request of the controls' values; an upload of one file may be a path alone."""
        paths = (sources,) if isinstance(sources, str) else tuple(sources or ())
        return cls(paths, checkpoint, *made, series, view)

    @property
    def made_with(self) -> Window:
        """The window a picture was made with. Raises `InvalidSetting`."""
        return made_window(self.made_center, self.made_width)


def made_window(center: float | None, width: float | None) -> Window:
    """The window a picture was made with; an empty field means 40 or 400 HU. Raises `InvalidSetting`."""
    return Window(
        DEFAULT_WINDOW.center_hu if center is None else center,
        DEFAULT_WINDOW.width_hu if width is None else width,
    )


def within_sliders(window: Window) -> Window:
    """The nearest window that the page's sliders can show.

    >>> within_sliders(Window(1024, 4096))
    Window(center_hu=1000, width_hu=3000)
    """
    center = min(max(window.center_hu, CENTER_RANGE_HU[0]), CENTER_RANGE_HU[1])
    width = min(max(window.width_hu, WIDTH_RANGE_HU[0]), WIDTH_RANGE_HU[1])
    return Window(center, width)
