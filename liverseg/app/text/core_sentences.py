"""Sentences that other rooms of the package write in English, in the language of the visitor.

Reports, files and commands are in English, so the core has English sentences only. Those under `core.` in
`en.json` are the templates of the core, word for word, which a test checks; a sentence is recognised by its
template, and the values in it are put into the translation. A value may be such a sentence itself.
"""

from __future__ import annotations

import re
from functools import cache
from html import escape

from liverseg.app.text.catalogue import current_language, say, say_html, texts
from liverseg.app.text.languages import ENGLISH

_PLACEHOLDER = re.compile(r"\{(\w+)\}")
_DIGITS = "[0-9 ,\u202f]+"
_VALUES = {
    **dict.fromkeys(("number", "numbers", "count", "slices", "rows", "columns", "all"), _DIGITS),
    "are": "is|are",
    "have": "has|have",
}
"""What placeholders may stand for, where that is not any text: a short template would match other sentences,
and two values beside each other could not be told apart."""
PREFIX = "core."


@cache
def _templates() -> tuple[tuple[re.Pattern[str], str], ...]:
    """The patterns of the English templates and their keys, those with the most words of their own first."""
    english = {key: text for key, text in texts(ENGLISH).items() if key.startswith(PREFIX)}
    order = sorted(english, key=lambda key: -len(_PLACEHOLDER.sub("", english[key])))
    return tuple((_pattern(english[key]), key) for key in order)


def _pattern(template: str) -> re.Pattern[str]:
    """The pattern of a template, with a named group for each placeholder, which may be empty.

    >>> _pattern("{count} of {all} slices.").fullmatch("2 of 9 slices.").groupdict()
    {'count': '2', 'all': '9'}
    """
    parts = _PLACEHOLDER.split(template)
    groups = [f"(?P<{name}>{_VALUES.get(name, '.*?')})" for name in parts[1::2]]
    words = [re.escape(part) for part in parts[::2]]
    return re.compile("".join(word + group for word, group in zip(words, [*groups, ""], strict=True)))


def translation_of(sentence: str) -> str | None:
    """A sentence of the core in the language of the visitor; None where that language does not have it."""
    if current_language() == ENGLISH:
        return sentence
    for pattern, key in _templates():
        found = pattern.fullmatch(sentence)
        if found is not None:
            values = {name: translation_of(value) or value for name, value in found.groupdict().items()}
            return say(key, **values)
    return None


def core_html(sentence: str) -> str:
    """A sentence of the core as HTML. One without translation is marked as English, after a word on that."""
    known = translation_of(sentence)
    if known is not None:
        return escape(known)
    return f'{say_html("only_english")} <span lang="en">{escape(sentence)}</span>'
