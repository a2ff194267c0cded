"""Texts of the page, and the HTML of its header, checkpoint card and pictures. All values are escaped."""

from __future__ import annotations

import base64
import os
from html import escape

from liverseg.analysis.report_text import dice_text, number_text, threshold_text
from liverseg.app.html import drawer
from liverseg.app.html.measures_text import operating_point_sentence
from liverseg.app.state.checkpoints import licence_name
from liverseg.app.state.session import PageAnalysis
from liverseg.app.state.threshold_curve import expectation
from liverseg.app.text.catalogue import say, say_html
from liverseg.app.text.core_sentences import core_html
from liverseg.app.text.languages import NAMES
from liverseg.core import limits
from liverseg.rendering.colours import LIVER_RGB, TUMOUR_RGB, UNSURE_RGB
from registry import Checkpoint

TITLE = "liverseg"


def kept_minutes(setting: str) -> int:
    """Minutes for which uploads and results are kept, from the text of `LIVERSEG_KEEP_MINUTES`.

    Returns 20 for anything but a whole number from 1 to 1440 (a day).

    >>> kept_minutes(""), kept_minutes("5"), kept_minutes("0"), kept_minutes("long")
    (20, 5, 20, 20)
    """
    return int(setting) if setting.isdecimal() and 1 <= int(setting) <= 24 * 60 else 20


KEEP_MINUTES = kept_minutes(os.environ.get("LIVERSEG_KEEP_MINUTES", ""))
"""Files are deleted this long after their creation, results in memory this long after their last use."""

OVERLAY_COLOURS = "".join(
    f"--ls-{name}:rgb({' '.join(map(str, rgb))});"
    for name, rgb in (("liver", LIVER_RGB), ("tumour", TUMOUR_RGB), ("unsure", UNSURE_RGB))
)
"""The colours of the pictures as CSS variables, so that numbers and cards have them too."""

PICTURES = ("ct", "segmentation", "probability")
"""The three pictures of a slice; `picture.NAME` is the key of a caption."""


def picture_names() -> tuple[str, ...]:
    """Captions of the three pictures of a slice."""
    return tuple(say(f"picture.{name}") for name in PICTURES)


def header() -> str:
    """The header of the page, one line high: name, research-use notice, and the button of the settings."""
    return (
        f"<style>.gradio-container {{{OVERLAY_COLOURS}}}</style>"
        f'<header class="ls-header"><h1>{TITLE}</h1><p class="ls-tagline">{say_html("tagline")}</p>'
        f'<p class="ls-notice" role="note"><strong>{say_html("notice.research")}</strong> '
        f"{say_html('notice.upload')}</p>{drawer.button()}</header>"
    )


def limits_line() -> str:
    """The limits of an upload, as one paragraph."""
    return say(
        "limits",
        gb=limits.MAX_UPLOAD_GB,
        least=limits.MIN_SIDE_PX,
        most=limits.MAX_SIDE_PX,
        slices=limits.MAX_SLICES,
        files=number_text(limits.MAX_FILES),
        unpacked=limits.MAX_FILE_BYTES >> 30,
        ratio=limits.MAX_UNPACKED_RATIO,
    )


def footer() -> str:
    """The footer of the page: upload limits, privacy statement, and the languages to choose from."""
    privacy = say("privacy", minutes=KEEP_MINUTES)
    links = " · ".join(
        f'<a href="?lang={tag}" lang="{tag}" hreflang="{tag}" data-language="{tag}">{name}</a>'
        for tag, name in NAMES.items()
    )
    return (
        f'<footer class="ls-footer"><p class="ls-privacy">{escape(limits_line())}</p>'
        f'<p class="ls-privacy">{escape(privacy)}</p>'
        f'<nav class="ls-languages" aria-label="{say_html("languages")}">{links}</nav></footer>'
    )


def problem(sentence: str) -> str:
    """A sentence that says why something was refused, announced by screen readers."""
    return f'<div class="ls-problem" role="alert">{escape(sentence)}</div>'


def refusal(sentence: str) -> str:
    """A sentence of the core that says why something was refused, in the language of the visitor."""
    return f'<div class="ls-problem" role="alert">{core_html(sentence)}</div>'


def rejections_remain(before: PageAnalysis) -> str:
    """Says where the rejected lesions of a replaced result are; empty if it had none."""
    sentence = say("rejections.remain", ref=before.seg.checkpoint.ref)
    return note(sentence) if before.seg.rejections is not None else ""


def rejections_forgotten(before: PageAnalysis) -> str:
    """Says which rejections a new one replaced; empty if all are followed by lesions of this result."""
    made = before.seg.rejections
    if made is None or not (made.lapsed or made.gone):
        return ""
    return note(say("rejections.forgotten", threshold=threshold_text(made.threshold)))


def note(sentence: str) -> str:
    """A sentence in the place of a problem, announced by screen readers after what is being read."""
    return f'<div class="ls-problem" role="status">{escape(sentence)}</div>'


def label(text: str) -> str:
    """A small text above or below a component."""
    return f'<p class="ls-label">{escape(text)}</p>'


def quiet(text: str, role: str = "") -> str:
    """A text in place of something that is not there; `role` is that of the element."""
    named = f' role="{role}"' if role else ""
    return f'<p class="ls-none"{named}>{escape(text)}</p>'


def loading(line: str) -> str:
    """A status line on the loading of a checkpoint."""
    return f'<p class="ls-loading" role="status">{core_html(line)}</p>'


def checkpoint_card(checkpoint: Checkpoint | None) -> str:
    """The card of a checkpoint, folded to the line of its Dice: data it was measured on, licence."""
    if checkpoint is None:
        return ""
    manifest, head = checkpoint.manifest, checkpoint.manifest.headline()
    where = " ".join(part for part in (head["dataset"], head["split"]) if part) or say("card.not_measured")
    rows = [
        (say("card.dice_liver"), escape(_dice_with_n(head["liver"], head["liver_n"]))),
        (say("card.dice_tumour"), escape(_dice_with_n(head["tumour"], head["tumour_n"]))),
        (say("card.measured"), _foldable(where, head["protocol"])),
        (say("card.licence"), escape(licence_name(manifest.licence))),
    ]
    title = f'<p class="ls-card-title">{escape(manifest.title)}</p>' if manifest.title else ""
    cells = "".join(f"<dt>{escape(name)}</dt><dd>{html}</dd>" for name, html in rows)
    line = say("card.line", liver=dice_text(head["liver"]), tumour=dice_text(head["tumour"]))
    return f'<details class="ls-card"><summary>{escape(line)}</summary>{title}<dl>{cells}</dl></details>'


def _foldable(short: str, long: str) -> str:
    """A short text that unfolds to a long one; the short one alone where `long` is empty."""
    return f"<details><summary>{escape(short)}</summary>{escape(long)}</details>" if long else escape(short)


def _dice_with_n(value: float | None, n: int | None) -> str:
    """A Dice coefficient, and the number of scans it is pooled from."""
    return dice_text(value) if value is None or n is None else f"{dice_text(value)} (n = {n})"


def expected_performance(analysis: PageAnalysis) -> str:
    """Sensitivity and precision to expect of the chosen threshold; shown below its slider."""
    sentence = expectation(analysis.curve, analysis.seg.threshold)
    return f'<p class="ls-label" role="status">{core_html(sentence)}</p>'


def operating_point(analysis: PageAnalysis) -> str:
    """What the chosen lesion cut gave in cross-validation, below its slider; empty without a lesion model."""
    decision = analysis.report.decision
    if decision is None or decision.cut is None:
        return ""
    sentence = operating_point_sentence(decision.point)
    return f'<p class="ls-label" role="status">{escape(sentence)}</p>'


def slice_label(index: int, count: int) -> str:
    """Which slice a picture shows, for screen readers."""
    return say("slice.of", slice=index + 1, count=count) if count > 1 else say("slice.only")


def figure(name: str, jpeg: bytes, label: str, kind: str = "") -> str:
    """One picture (JPEG) with its caption; `kind` is a CSS class, `label` the slice for screen readers."""
    name, css = escape(name), f' class="{kind}"' if kind else ""
    return (
        f'<figure{css}><figcaption>{name}</figcaption><button type="button" '
        f'title="{say("enlarge", name=name)}">'
        f'<img src="data:image/jpeg;base64,{base64.b64encode(jpeg).decode()}" alt="{name}, {escape(label)}">'
        "</button></figure>"
    )


def empty_viewer() -> str:
    """The viewer without a result: what each picture will show."""
    figures = "".join(
        f'<figure class="ls-empty"><figcaption>{escape(caption)}</figcaption>'
        f"<div><span>{say_html(f'hint.{name}')}</span></div></figure>"
        for name, caption in zip(PICTURES, picture_names(), strict=True)
    )
    return f'<div class="ls-viewer">{figures}</div>'
