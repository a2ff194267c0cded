"""The texts of the page by key, in the language of the visitor whose event is handled.

`en.json` has every key; the file of another language has just the same ones with the same placeholders, which
a test checks. Keys under `core.` are English sentences of other rooms of the package: see `core_sentences`.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from contextvars import ContextVar
from functools import cache
from html import escape
from pathlib import Path

from liverseg.app.text.languages import ENGLISH

_language: ContextVar[str] = ContextVar("language", default=ENGLISH)


@cache
def texts(language: str) -> Mapping[str, str]:
    """All texts of a language of `languages.NAMES` by key."""
    content: dict[str, str] = json.loads(
        Path(__file__).with_name(f"{language}.json").read_text(encoding="utf-8")
    )
    return content


def current_language() -> str:
    """The language in which `say` answers; English outside of `speaking`."""
    return _language.get()


@contextmanager
def speaking(language: str) -> Iterator[None]:
    """While this holds, `say` answers in `language`."""
    token = _language.set(language)
    try:
        yield
    finally:
        _language.reset(token)


def say(key: str, **values: object) -> str:
    """The text of a key with its placeholders filled; without values it keeps them, for a script to fill.

    >>> say("waiting.place", place=2)
    'You are number 2 in the queue.'
    """
    text = texts(_language.get())[key]
    return text.format(**values) if values else text


def say_html(key: str, **values: object) -> str:
    """As `say`, escaped for HTML."""
    return escape(say(key, **values))


def say_count(key: str, count: int, shown: str | None = None) -> str:
    """The text of `key.one` for 1, else of `key.other`; the placeholder is `count`, shown as `shown`.

    >>> say_count("count.lesions", 1), say_count("count.lesions", 1200, "1 200")
    ('1 lesion', '1 200 lesions')
    """
    return say(f"{key}.{'one' if count == 1 else 'other'}", count=shown or count)


def group(prefix: str) -> dict[str, str]:
    """All texts whose keys start with `prefix` and a dot, by the rest of the key.

    >>> group("window")["Lung"]
    'Lung'
    """
    start = f"{prefix}."
    return {key[len(start) :]: text for key, text in texts(_language.get()).items() if key.startswith(start)}
