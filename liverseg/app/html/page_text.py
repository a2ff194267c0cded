"""Texts of the page, and the HTML of its header, checkpoint card and pictures. All values are escaped."""

from __future__ import annotations

import base64
import os
from html import escape

from liverseg.analysis.report_text import dice_text, operating_point_sentence, threshold_text
from liverseg.app.html import drawer
from liverseg.app.state.checkpoints import licence_name
from liverseg.app.state.session import PageAnalysis
from liverseg.app.state.threshold_curve import expectation
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

TAGLINE = "Liver and tumours in CT, from one slice or a volume"
ONLY_VOLUMES_IN_3D = "A single slice has no 3D view."
NOTICE = "<strong>Research software, not a medical device.</strong> Do not upload identifiable patient data."
PRIVACY = (
    f"Uploads and prepared downloads are deleted {KEEP_MINUTES} minutes after their creation, results "
    f"{KEEP_MINUTES} minutes after their last use. Nothing is sent to other services, there are no "
    "analytics, and reports contain no file names and no patient data."
)
NOT_COMPARED = "The second checkpoint was not run. Choose it again."
EXPIRED = "This result has expired and was deleted. Upload the file again."

REJECTIONS_REMAIN = (
    "The lesions that you rejected belong to the result of {ref}. This result has its own lesions; choose "
    "{ref} again to see them rejected."
)
"""Said when another checkpoint replaces an edited result; `ref` is the former checkpoint."""

REJECTIONS_LOST = (
    "The picture was segmented again in the new window. The lesions that you rejected count again."
)

REJECTIONS_FORGOTTEN = (
    "Lesions that you rejected at the tumour threshold {threshold} are not among those rejected here. They "
    "count again at that threshold."
)
"""Said when a rejection replaces earlier ones made at another threshold, some of which no lesion follows."""
OVERLAY_COLOURS = "".join(
    f"--ls-{name}:rgb({' '.join(map(str, rgb))});"
    for name, rgb in (("liver", LIVER_RGB), ("tumour", TUMOUR_RGB), ("unsure", UNSURE_RGB))
)
"""The colours of the pictures as CSS variables, so that numbers and cards have them too."""

PICTURE_NAMES = ("CT slice", "Segmentation", "Tumour probability")
"""Captions of the three pictures of a slice."""


def header() -> str:
    """The header of the page, one line high: name, research-use notice, and the button of the settings."""
    return (
        f"<style>.gradio-container {{{OVERLAY_COLOURS}}}</style>"
        f'<header class="ls-header"><h1>{TITLE}</h1><p class="ls-tagline">{TAGLINE}</p>'
        f'<p class="ls-notice" role="note">{NOTICE}</p>{drawer.BUTTON}</header>'
    )


def limits_line() -> str:
    """The limits of an upload, as one paragraph."""
    return (
        f"Limits: {limits.MAX_UPLOAD_GB} GB per file, "
        f"{limits.MIN_SIDE_PX} to {limits.MAX_SIDE_PX} pixels a side, {limits.MAX_SLICES} slices; "
        f"a zip holds at most {limits.MAX_FILES:,} files and unpacks to at most "
        f"{limits.MAX_FILE_BYTES >> 30} GB or {limits.MAX_UNPACKED_RATIO} times its size."
    )


def footer() -> str:
    """The footer of the page: upload limits and privacy statement."""
    return f'<p class="ls-privacy">{limits_line()}</p><p class="ls-privacy">{PRIVACY}</p>'


def problem(sentence: str) -> str:
    """A sentence that says why something was refused, announced by screen readers."""
    return f'<div class="ls-problem" role="alert">{escape(sentence)}</div>'


def rejections_remain(before: PageAnalysis) -> str:
    """Says where the rejected lesions of a replaced result are; empty if it had none."""
    sentence = REJECTIONS_REMAIN.format(ref=before.seg.checkpoint.ref)
    return note(sentence) if before.seg.rejections is not None else ""


def rejections_forgotten(before: PageAnalysis) -> str:
    """Says which rejections a new one replaced; empty if all are followed by lesions of this result."""
    made = before.seg.rejections
    if made is None or not (made.lapsed or made.gone):
        return ""
    return note(REJECTIONS_FORGOTTEN.format(threshold=threshold_text(made.threshold)))


def note(sentence: str) -> str:
    """A sentence in the place of a problem, announced by screen readers after what is being read."""
    return f'<div class="ls-problem" role="status">{escape(sentence)}</div>'


def loading(line: str) -> str:
    """A status line on the loading of a checkpoint."""
    return f'<p class="ls-loading" role="status">{escape(line)}</p>'


def checkpoint_card(checkpoint: Checkpoint | None) -> str:
    """The card of a checkpoint, folded to the line of its Dice: data it was measured on, licence."""
    if checkpoint is None:
        return ""
    manifest, head = checkpoint.manifest, checkpoint.manifest.headline()
    where = " ".join(part for part in (head["dataset"], head["split"]) if part) or "not measured"
    rows = [
        ("Dice, liver", escape(_dice_with_n(head["liver"], head["liver_n"]))),
        ("Dice, tumour", escape(_dice_with_n(head["tumour"], head["tumour_n"]))),
        ("Measured on", _foldable(where, head["protocol"])),
        ("Licence", escape(licence_name(manifest.licence))),
    ]
    title = f'<p class="ls-card-title">{escape(manifest.title)}</p>' if manifest.title else ""
    cells = "".join(f"<dt>{name}</dt><dd>{html}</dd>" for name, html in rows)
    line = f"Dice: liver {dice_text(head['liver'])}, tumour {dice_text(head['tumour'])}"
    return f'<details class="ls-card"><summary>{line}</summary>{title}<dl>{cells}</dl></details>'


def _foldable(short: str, long: str) -> str:
    """A short text that unfolds to a long one; the short one alone where `long` is empty."""
    return f"<details><summary>{escape(short)}</summary>{escape(long)}</details>" if long else escape(short)


def _dice_with_n(value: float | None, n: int | None) -> str:
    """A Dice coefficient, and the number of scans it is pooled from."""
    return dice_text(value) if value is None or n is None else f"{dice_text(value)} (n = {n})"


def expected_performance(analysis: PageAnalysis) -> str:
    """Sensitivity and precision to expect of the chosen threshold; shown below its slider."""
    sentence = expectation(analysis.curve, analysis.seg.threshold)
    return f'<p class="ls-label" role="status">{escape(sentence)}</p>'


def operating_point(analysis: PageAnalysis) -> str:
    """What the chosen lesion cut gave in cross-validation, below its slider; empty without a lesion model."""
    decision = analysis.report.decision
    if decision is None or decision.cut is None:
        return ""
    sentence = operating_point_sentence(decision.point)
    return f'<p class="ls-label" role="status">{escape(sentence)}</p>'


def figure(name: str, jpeg: bytes, label: str, kind: str = "") -> str:
    """One picture (JPEG) with its caption; `kind` is a CSS class, `label` the slice for screen readers."""
    name, css = escape(name), f' class="{kind}"' if kind else ""
    return (
        f'<figure{css}><figcaption>{name}</figcaption><button type="button" title="Enlarge {name}">'
        f'<img src="data:image/jpeg;base64,{base64.b64encode(jpeg).decode()}" alt="{name}, {escape(label)}">'
        "</button></figure>"
    )


def empty_viewer() -> str:
    """The viewer without a result: what each picture will show."""
    hints = (
        "Upload a CT slice or volume, or try an example",
        "Liver in blue, tumour in orange",
        "From 0 to 1, with its colour bar",
    )
    figures = "".join(
        f'<figure class="ls-empty"><figcaption>{name}</figcaption><div><span>{hint}</span></div></figure>'
        for name, hint in zip(PICTURE_NAMES, hints, strict=True)
    )
    return f'<div class="ls-viewer">{figures}</div>'
