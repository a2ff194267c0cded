"""The toolbar of the pictures (pure). `tools.js` acts on its buttons."""

from __future__ import annotations

from dataclasses import dataclass
from html import escape

from liverseg.app.text.catalogue import say, say_html
from liverseg.core.window import PRESETS


@dataclass(frozen=True)
class Tool:
    """A button of the toolbar."""

    action: str  # name in `tools.js`; `tool.ACTION` is the key of its label
    key: str  # shown in the tooltip
    path: str  # of its icon, SVG path data in a square of 24 units
    toggles: bool = False  # whether it can be on or off


TOOLS = (
    Tool("previous", "P", "M15 5l-7 7 7 7"),
    Tool("next", "N", "M9 5l7 7-7 7"),
    Tool("overlay", "O", "M12 4l9 5-9 5-9-5zM3 14l9 5 9-5", True),
    Tool("truth", "T", "M4 12l5 6L20 6", True),
    Tool("lines", "L", "M12 3v7M12 14v7M3 12h7M14 12h7", True),
    Tool("ruler", "R", "M3 16L16 3l5 5L8 21zM8 11l2 2M11 8l2 2M14 5l2 2", True),
    Tool("ellipse", "E", "M3 12a9 6 0 1 0 18 0a9 6 0 1 0-18 0", True),
    Tool("clear", "Delete", "M5 7h14M10 7V4h4v3M7 7l1 13h8l1-13"),
    Tool("cine", "Space", "M7 4l12 8-12 8z", True),
    Tool("whole", "0", "M4 11a7 7 0 1 0 14 0a7 7 0 1 0-14 0M8 11h6M16 16l5 5"),
    Tool("full", "F", "M4 9V4h5M15 4h5v5M20 15v5h-5M9 20H4v-5", True),
    Tool("keys", "?", "M9 9a3 3 0 1 1 4 3c-1 .6-1 1-1 2M12 18v.5"),
)

VOLUME_ONLY = ("lines", "cine")
"""Tools that a single slice does not have."""


def toolbar(is_volume: bool, has_truth: bool, slices: int, index: int) -> str:
    """The buttons of a result, and the controls that only the full screen shows."""
    left_out = (*(() if is_volume else VOLUME_ONLY), *(() if has_truth else ("truth",)))
    buttons = "".join(_button(tool) for tool in TOOLS if tool.action not in left_out)
    presets = "".join(
        f'<button type="button" data-preset="{escape(name)}">{escape(preset_title(name))}</button>'
        for name in PRESETS
    )
    step = (
        f'<input type="range" min="1" max="{slices}" value="{index + 1}" '
        f'aria-label="{say_html("label.slice")}">'
        if is_volume
        else ""
    )
    return (
        f'<div class="ls-tools" role="group" aria-label="{say_html("tool.toolbar")}">{buttons}</div>'
        f'<div class="ls-full-bar">{step}<div role="group" '
        f'aria-label="{say_html("label.preset")}">{presets}</div>'
        f'<button type="button" data-tool="full">{say_html("tool.leave")}</button></div>'
    )


def _button(tool: Tool) -> str:
    pressed = ' aria-pressed="false"' if tool.toggles else ""
    label, keys = say_html(f"tool.{tool.action}"), escape(tool.key)
    return (
        f'<button type="button" data-tool="{tool.action}" aria-label="{label}" '
        f'aria-keyshortcuts="{keys}" title="{label} ({escape(say_key(tool.key))})"{pressed}>'
        f'<svg viewBox="0 0 24 24" aria-hidden="true"><path d="{tool.path}"/></svg></button>'
    )


def say_key(name: str) -> str:
    """The name of a key in a tooltip; those with words are translated."""
    return say(f"key_name.{name}") if name in ("Delete", "Space") else name


def preset_title(name: str) -> str:
    """The name of a window of `PRESETS` on the page."""
    return say(preset_key(name))


def preset_key(name: str) -> str:
    """The key of the text of a window of `PRESETS`."""
    return f"window.{name}"
