"""The look of the page: gradio's base theme in calm greys with system fonts, and the style sheet."""

from __future__ import annotations

from pathlib import Path

import gradio as gr

STYLE = Path(__file__).parents[1] / "static" / "style.css"

SANS_FONTS = ["system-ui", "-apple-system", "Segoe UI", "Roboto", "Helvetica Neue", "Arial", "sans-serif"]
MONO_FONTS = ["ui-monospace", "SFMono-Regular", "Menlo", "Consolas", "monospace"]


def theme() -> gr.themes.Base:
    """The theme. It names system fonts only, so that the page loads nothing from other servers."""
    return gr.themes.Base(
        primary_hue="teal",
        secondary_hue="teal",
        neutral_hue="slate",
        font=[gr.themes.Font(name) for name in SANS_FONTS],
        font_mono=[gr.themes.Font(name) for name in MONO_FONTS],
        radius_size="sm",
        spacing_size="sm",
        text_size="md",
    ).set(
        body_background_fill="*neutral_50",
        body_text_color_subdued="*neutral_500",
        block_background_fill="white",
        block_border_color="*neutral_200",
        button_secondary_background_fill="white",
        button_secondary_background_fill_hover="*neutral_100",
        button_secondary_border_color="*neutral_300",
        button_secondary_border_color_dark="*neutral_600",
    )
