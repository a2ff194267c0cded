"""The list of downloads: every format with its files and their sizes, or the reason why it is missing."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from html import escape

from liverseg.app.html.page_text import KEEP_MINUTES
from liverseg.app.text.catalogue import say, say_html
from liverseg.app.text.core_sentences import core_html
from liverseg.io.formats import TITLES
from liverseg.io.result_files import StoredFile, StoredFormat

MAX_LINKS = 6
"""A format with more files has no links of its own: its files are in the zip of all."""

_TITLE_KEYS = {"glb": "format.surface", "sc": "format.capture"}

Address = Callable[[StoredFile], str]
"""The address at which a file is served."""


@dataclass(frozen=True)
class Listing:
    """The prepared files of a result."""

    zip: StoredFile
    formats: Sequence[StoredFormat]
    overview: StoredFile
    comparison: Sequence[StoredFile]  # empty without a comparison
    shown_slice: int | None  # from 1, in overview and PDF; None: the input has one slice


def download_list(listing: Listing, address: Address) -> str:
    """The list in HTML; each file is a link with its size."""
    shown = "" if listing.shown_slice is None else shows_slice(listing.shown_slice)
    rows = [_row(say("downloads.all"), "", [listing.zip], address)]
    rows += [_format_row(one, shown, address) for one in listing.formats]
    rows.append(_row(say("downloads.overview"), shown, [listing.overview], address))
    if listing.comparison:
        rows.append(_row(say("downloads.comparison"), "", listing.comparison, address))
    items = "".join(rows)
    return (
        f'<ul class="ls-downloads" aria-label="{say_html("tab.downloads")}">{items}</ul>'
        f'<p class="ls-label">{say_html("downloads.kept", minutes=KEEP_MINUTES)}</p>'
    )


def shows_slice(number: int) -> str:
    """Which slice a picture or page shows."""
    return say("downloads.shows", slice=number)


def note(sentence: str) -> str:
    """A sentence in place of the list, announced by screen readers."""
    return f'<p class="ls-label" role="status">{escape(sentence)}</p>'


def title_of(name: str) -> str:
    """The name of a format in the list: those that are words are translated."""
    return say(_TITLE_KEYS[name]) if name in _TITLE_KEYS else TITLES[name]


def _reason(stored: StoredFormat) -> str:
    """Why a format is missing (HTML)."""
    title, _, reason = stored.reason.rstrip(".").partition(": ")
    named = title_of(stored.format) if title == TITLES[stored.format] else title
    return say_html("downloads.reason").format(title=escape(named), reason=core_html(reason))


def _format_row(stored: StoredFormat, shown: str, address: Address) -> str:
    if stored.reason:
        return f'<li class="ls-missing" data-format="{stored.format}">{_reason(stored)}</li>'
    text = say(f"format.{stored.format}")
    if stored.format == "pdf" and shown:
        text = f"{text} {shown}"
    return _row(title_of(stored.format), text, stored.files, address, stored.format)


def _row(title: str, text: str, files: Sequence[StoredFile], address: Address, name: str = "") -> str:
    if len(files) > MAX_LINKS:
        total = size_text(sum(file.size for file in files))
        links = f"<li>{say_html('downloads.in_zip', count=len(files))} <span>{total}</span></li>"
        return _item(title, text, links, name)
    links = "".join(
        f'<li><a href="{escape(address(file))}" download="{escape(file.name)}">{escape(file.name)}</a> '
        f"<span>{size_text(file.size)}</span></li>"
        for file in files
    )
    return _item(title, text, links, name)


def _item(title: str, text: str, links: str, name: str) -> str:
    data = f' data-format="{name}"' if name else ""
    described = f"<p>{escape(text)}</p>" if text else ""
    return f"<li{data}><strong>{escape(title)}</strong>{described}<ul>{links}</ul></li>"


def size_text(size: int) -> str:
    """A size in decimal units.

    >>> size_text(873), size_text(12_345), size_text(2_140_000), size_text(123_456_789)
    ('873 bytes', '12.3 kB', '2.1 MB', '123 MB')
    """
    if size < 1000:
        return say("downloads.bytes", count=size)
    value, unit = (size / 1e3, "kB") if size < 999_500 else (size / 1e6, "MB")
    return f"{value:.1f} {unit}" if value < 99.95 else f"{value:.0f} {unit}"
