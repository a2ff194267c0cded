"""The texts in gradio's configuration of the page: marks of `gr.I18n`, and the texts that replace them.

Texts that events send are in the language of the visitor already; see `liverseg.app.text`.
"""

from __future__ import annotations

from collections.abc import Callable

import gradio as gr
from gradio.i18n import I18nData

from liverseg.app.html import drawer, page_text
from liverseg.app.text.catalogue import say, speaking, texts
from liverseg.app.text.languages import ENGLISH, NAMES

PARTS: dict[str, Callable[[], str]] = {
    "part.header": page_text.header,
    "part.footer": page_text.footer,
    "part.drawer_head": drawer.head,
    "part.empty_viewer": page_text.empty_viewer,
    "part.formats": lambda: page_text.label(say("formats")),
    "part.examples": lambda: page_text.label(say("label.examples")),
    "part.made_with": lambda: page_text.label(say("label.made_with")),
    "part.only_volumes": lambda: page_text.quiet(say("solid.only_volumes")),
    "part.no_downloads": lambda: page_text.quiet(say("downloads.none"), role="status"),
}
"""Parts of the page that are HTML with several texts."""

MARKED = ("label.", "button.", "tab.", "window.", "entry.", "gradio.")
"""Beginnings of the keys of single texts; those of `gradio.` are words that its own translations lack."""


def translations() -> dict[str, dict[str, str]]:
    """The texts of all marks by language and key."""
    return {language: _translations_of(language) for language in NAMES}


def _translations_of(language: str) -> dict[str, str]:
    single = {key: text for key, text in texts(language).items() if key.startswith(MARKED)}
    with speaking(language):
        return {**single, **{key: part() for key, part in PARTS.items()}}


I18N = gr.I18n(**translations())
"""For `launch`: the texts for pages that embed this one and load its configuration themselves."""


def mark(key: str) -> I18nData:
    """The mark of a text; raises `KeyError` for a key without one."""
    if key not in I18N.translations[ENGLISH]:
        raise KeyError(key)
    return I18nData(key)
