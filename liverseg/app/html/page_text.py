"""Texts of the page, and the HTML of its header, card and pictures. Every value put into HTML is escaped."""

from __future__ import annotations

import base64
import logging
import os
import traceback
from collections.abc import Sequence
from html import escape

from liverseg.app.state.checkpoints import dice, licence_name
from liverseg.app.state.session import PageAnalysis
from liverseg.app.state.threshold_curve import expectation
from liverseg.core import limits
from liverseg.errors import LiversegError
from registry import Checkpoint

_log = logging.getLogger(__name__)

TITLE = "liverseg"


def kept_minutes(setting: str) -> int:
    """Minutes for which uploads and results are kept: `LIVERSEG_KEEP_MINUTES`, from 1 to a day, or 20.

    >>> kept_minutes(""), kept_minutes("5"), kept_minutes("0"), kept_minutes("long")
    (20, 5, 20, 20)
    """
    return int(setting) if setting.isdecimal() and 1 <= int(setting) <= 24 * 60 else 20


KEEP_MINUTES = kept_minutes(os.environ.get("LIVERSEG_KEEP_MINUTES", ""))
"""Files are deleted this long after their creation, results in memory after their last use."""

NOTICE = "<strong>Research software, not a medical device.</strong> Do not upload identifiable patient data."
PRIVACY = (
    f"Uploads and prepared downloads are deleted {KEEP_MINUTES} minutes after their creation, results "
    f"{KEEP_MINUTES} minutes after their last use. Nothing is sent to any other service, there are no "
    "analytics, and reports contain no file name and no patient data."
)
UNEXPECTED = "Something went wrong on our side; the input was not segmented. Try again, or try another file."
NOT_COMPARED = "The second checkpoint was not run; choose it again."
EXPIRED = "This result has expired and was deleted; upload the file again."


PANELS = ("CT slice", "Segmentation", "Tumour probability")


def header() -> str:
    """The top of the page with the research-use notice."""
    return (
        f'<header class="ls-header"><div><h1>{TITLE}</h1>'
        "<p>Liver and tumours in CT, from one slice or a volume</p></div>"
        f'<p class="ls-notice" role="note">{NOTICE}</p></header>'
    )


def limits_line() -> str:
    """What can be uploaded, in one line."""
    return (
        f"Limits: {limits.MAX_UPLOAD_GB} GB a file, "
        f"{limits.MIN_SIDE_PX} to {limits.MAX_SIDE_PX} pixels a side, {limits.MAX_SLICES} slices; "
        f"a zip holds at most {limits.MAX_FILES:,} files and unpacks to at most "
        f"{limits.MAX_FILE_BYTES >> 30} GB or {limits.MAX_UNPACKED_RATIO} times its size."
    )


def footer() -> str:
    """The limits and the privacy statement."""
    return f'<p class="ls-privacy">{limits_line()}</p><p class="ls-privacy">{PRIVACY}</p>'


def problem(sentence: str) -> str:
    """A refusal, as one sentence next to the upload."""
    return f'<div class="ls-problem" role="alert">{escape(sentence)}</div>'


def loading(line: str) -> str:
    """A status line about a checkpoint that is being loaded."""
    return f'<p class="ls-loading" role="status">{escape(line)}</p>'


def checkpoint_card(checkpoint: Checkpoint | None) -> str:
    """The card of the chosen checkpoint: Dice, where it was measured, licence."""
    if checkpoint is None:
        return ""
    manifest, head = checkpoint.manifest, checkpoint.manifest.headline()
    where = " ".join(part for part in (head["dataset"], head["split"]) if part) or "not measured"
    rows = [
        ("Dice, liver", escape(_with_n(head["liver"], head["liver_n"]))),
        ("Dice, tumour", escape(_with_n(head["tumour"], head["tumour_n"]))),
        ("Measured on", _foldable(where, head["protocol"])),
        ("Licence", escape(licence_name(manifest.licence))),
    ]
    title = f'<p class="ls-card-title">{escape(manifest.title)}</p>' if manifest.title else ""
    cells = "".join(f"<dt>{name}</dt><dd>{html}</dd>" for name, html in rows)
    return f'<div class="ls-card">{title}<dl>{cells}</dl></div>'


def _foldable(short: str, long: str) -> str:
    """HTML of a short text that unfolds to a long one, if there is one."""
    return f"<details><summary>{escape(short)}</summary>{escape(long)}</details>" if long else escape(short)


def _with_n(value: float | None, n: int | None) -> str:
    return dice(value) if value is None or n is None else f"{dice(value)} (n = {n})"


def expected(analysis: PageAnalysis) -> str:
    """The expected sensitivity and precision of the chosen threshold, below its slider."""
    sentence = expectation(analysis.curve, analysis.seg.threshold)
    return f'<p class="ls-label" role="status">{escape(sentence)}</p>'


def viewer(jpegs: Sequence[bytes], label: str) -> str:
    """The three pictures side by side; `label` names the slice for screen readers."""
    figures = "".join(figure(name, jpeg, label) for name, jpeg in zip(PANELS, jpegs, strict=True))
    return f'<div class="ls-viewer">{figures}</div>'


def figure(name: str, jpeg: bytes, label: str, kind: str = "") -> str:
    """One picture under its name; `kind` is a CSS class."""
    name, css = escape(name), f' class="{kind}"' if kind else ""
    return (
        f'<figure{css}><figcaption>{name}</figcaption><button type="button" title="Enlarge {name}">'
        f'<img src="data:image/jpeg;base64,{base64.b64encode(jpeg).decode()}" alt="{name}, {escape(label)}">'
        "</button></figure>"
    )


def empty_viewer() -> str:
    """The viewer before there is an input."""
    hints = (
        "Upload a CT slice or volume, or try an example",
        "Liver in green, tumour in red",
        "From 0 to 1, with its colour bar",
    )
    figures = "".join(
        f'<figure class="ls-empty"><figcaption>{name}</figcaption><div><span>{hint}</span></div></figure>'
        for name, hint in zip(PANELS, hints, strict=True)
    )
    return f'<div class="ls-viewer">{figures}</div>'


def sentence_for(error: Exception) -> str:
    """The sentence that a visitor sees for an error.

    An unexpected error gets a general sentence. Only its place is logged, as its text may name files or quote
    them.
    """
    if isinstance(error, LiversegError):
        return str(error)
    places = [f"{frame.name}:{frame.lineno}" for frame in traceback.extract_tb(error.__traceback__)[-4:]]
    _log.error("unexpected %s at %s", type(error).__name__, " > ".join(places))
    return UNEXPECTED
