"""The words and the HTML of the page (pure). Everything that is put into HTML is escaped here."""

from __future__ import annotations

import base64
import logging
import os
import traceback
from collections.abc import Sequence
from html import escape

from liverseg.analysis.lesions import Lesion
from liverseg.analysis.report import Amount, Report
from liverseg.analysis.report_text import amount, facts, lesion_amount, number, share, slice_span
from liverseg.app.state.checkpoints import dice, licence_name
from liverseg.app.state.session import PageAnalysis, SliceCounts
from liverseg.app.state.threshold_curve import expectation
from liverseg.core import limits
from liverseg.errors import LiversegError
from liverseg.rendering.charts import donut_svg
from registry import Checkpoint

_log = logging.getLogger(__name__)

TITLE = "liverseg"


def kept_minutes(setting: str) -> int:
    """How long uploads and results are kept: `LIVERSEG_KEEP_MINUTES`, whole minutes up to a day, or 20.

    >>> kept_minutes(""), kept_minutes("5"), kept_minutes("0"), kept_minutes("long")
    (20, 5, 20, 20)
    """
    return int(setting) if setting.isdecimal() and 1 <= int(setting) <= 24 * 60 else 20


KEEP_MINUTES = kept_minutes(os.environ.get("LIVERSEG_KEEP_MINUTES", ""))
"""Uploads and files are deleted this long after they came to be, what is in memory after its last use."""

NOTICE = "<strong>Research software, not a medical device.</strong> Do not upload identifiable patient data."
PRIVACY = (
    f"Uploads and prepared downloads are deleted {KEEP_MINUTES} minutes after they were made, results "
    f"{KEEP_MINUTES} minutes after their last use. Nothing is sent to any other service, there are no "
    "analytics, and reports hold no file name and nothing of the patient."
)
UNEXPECTED = "Something went wrong on our side; the input was not segmented. Try again, or try another file."
NOT_COMPARED = "The second checkpoint was not run; choose it again."
EXPIRED = "This result was deleted after its time; upload the file again."
NO_DOUBT = (
    "Our checks of modality, window, orientation, region, edges and confidence found nothing to hold against "
    "this result. They see little of what a radiologist sees: a wrong outline can pass them."
)
SHOWN_LESIONS = 12
"""Rows of the table of lesions; `report.csv` has them all."""

SHORT, CUT = "†", "‡"
MARKS = {SHORT: "shorter than 10 mm: not measurable by RECIST 1.1", CUT: "cut off at the edge of the image"}
"""What marks behind a lesion's diameters stand for."""

DONUT_PX = 64

PANELS = ("CT slice", "Segmentation", "Tumour probability")


def header() -> str:
    """The top of the page: what it is, and the research-use notice."""
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
        f"a zip of {limits.MAX_FILES:,} files at most that unpacks to no more than "
        f"{limits.MAX_FILE_BYTES >> 30} GB or {limits.MAX_UNPACKED_RATIO} times its size."
    )


def footer() -> str:
    """The limits and the privacy statement."""
    return f'<p class="ls-privacy">{limits_line()}</p><p class="ls-privacy">{PRIVACY}</p>'


def problem(sentence: str) -> str:
    """A refusal, as one sentence next to the upload."""
    return f'<div class="ls-problem" role="alert">{escape(sentence)}</div>'


def loading(line: str) -> str:
    """What is on its way into memory."""
    return f'<p class="ls-loading" role="status">{escape(line)}</p>'


def checkpoint_card(checkpoint: Checkpoint | None) -> str:
    """What the chosen checkpoint is, in full."""
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
    """HTML of a short text that opens to a long one, where there is one."""
    return f"<details><summary>{escape(short)}</summary>{escape(long)}</details>" if long else escape(short)


def _with_n(value: float | None, n: int | None) -> str:
    return dice(value) if value is None or n is None else f"{dice(value)} (n = {n})"


def expected(analysis: PageAnalysis) -> str:
    """What to expect of the threshold that is set, below its slider."""
    sentence = expectation(analysis.curve, analysis.seg.threshold)
    return f'<p class="ls-label" role="status">{escape(sentence)}</p>'


def viewer(jpegs: Sequence[bytes], label: str) -> str:
    """The three pictures side by side; `label` says which slice for those who cannot see it."""
    figures = "".join(figure(name, jpeg, label) for name, jpeg in zip(PANELS, jpegs, strict=True))
    return f'<div class="ls-viewer">{figures}</div>'


def figure(name: str, jpeg: bytes, label: str, kind: str = "") -> str:
    """One picture under its name; `kind` is a class for the style."""
    name, css = escape(name), f' class="{kind}"' if kind else ""
    return (
        f'<figure{css}><figcaption>{name}</figcaption><button type="button" title="Enlarge {name}">'
        f'<img src="data:image/jpeg;base64,{base64.b64encode(jpeg).decode()}" alt="{name}, {escape(label)}">'
        "</button></figure>"
    )


def empty_viewer() -> str:
    """The place of the pictures before there is an input."""
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


def tile(name: str, value: str, unit: str, notes: Sequence[str], kind: str, drawing: str = "") -> str:
    """One number in large with its unit, notes below it, and a drawing (SVG) beside it."""
    small = "".join(f"<small>{escape(note)}</small>" for note in notes if note)
    return (
        f'<div class="ls-tile ls-{kind}"><h3>{escape(name)}</h3>'
        f'<p><b data-measure="{kind}">{escape(value)}</b> <span>{escape(unit)}</span></p>'
        f"{small}{drawing}</div>"
    )


def _counted(value: Amount) -> str:
    unit = "voxels" if value.kind == "volume" else "pixels"
    known = value.volume_ml if value.kind == "volume" else value.area_mm2
    return "spacing unknown: no mm²" if known is None else f"{number(value.count)} {unit}"


def _in_slice(count: int, pixel_area_mm2: float | None) -> str:
    size = f"{number(count)} pixels" if pixel_area_mm2 is None else f"{number(count * pixel_area_mm2)} mm²"
    return f"in this slice: {size}"


def numbers(analysis: PageAnalysis, counts: SliceCounts) -> str:
    """Tumour, liver and their ratio; of a volume, those of the shown slice too."""
    report, ct = analysis.report, analysis.ct
    is_volume = ct.kind == "volume"
    tumour_note = _in_slice(counts.tumour, ct.pixel_area_mm2) if is_volume else _counted(report.tumour)
    liver_note = _in_slice(counts.liver, ct.pixel_area_mm2) if is_volume else _counted(report.liver)
    unknown = "spacing unknown: no mL" if is_volume and ct.spacing_mm is None else ""
    names = ("Tumour volume", "Liver volume") if is_volume else ("Tumour area", "Liver area")
    found = len(report.lesions)
    tiles = (
        tile(names[0], *amount(report.tumour), (tumour_note, unknown), "tumour"),
        tile(names[1], *amount(report.liver), (liver_note + ", without tumour", unknown), "liver"),
        tile(
            "Tumour share of the liver",
            share(report.tumour_share_of_liver),
            "",
            ("tumour / (liver + tumour)",),
            "share",
            donut_svg(report.tumour_share_of_liver, DONUT_PX) if is_volume else "",
        ),
        tile("Lesions", str(found), "", ("connected tumour regions",), "lesions"),
    )
    return f'<div class="ls-tiles">{"".join(tiles)}</div>'


def lesion_table(report: Report) -> str:
    """Size, diameters and probability of each lesion, the largest first."""
    if not report.lesions:
        return '<p class="ls-none">No tumour at this threshold.</p>'
    is_volume = report.input.kind == "volume"
    heads = [
        "#",
        *(["Slices"] if is_volume else []),
        "Size",
        "Longest × perpendicular",
        *(["Mean HU"] if report.input.assumed_window is None else []),
        "Probability, mean / peak",
    ]
    rows = "".join(
        f"<tr{_jump(lesion, is_volume)}>"
        + "".join(f"<td>{cell}</td>" for cell in _lesion_cells(lesion, report))
        + "</tr>"
        for lesion in report.lesions[:SHOWN_LESIONS]
    )
    more = len(report.lesions) - SHOWN_LESIONS
    rest = f'<p class="ls-none">and {more} smaller ones; report.csv has them all.</p>' if more > 0 else ""
    head = "".join(f'<th scope="col">{name}</th>' for name in heads)
    table = f"<table><thead><tr>{head}</tr></thead><tbody>{rows}</tbody></table>"
    return f'<div class="ls-scroll">{table}</div>{_keys(rows)}{rest}'


def _keys(rows: str) -> str:
    """What the marks in a table's rows stand for, those that are there."""
    keys = [f"{mark}\u00a0{meaning}" for mark, meaning in MARKS.items() if f">{mark}<" in rows]
    return f'<p class="ls-none">{"; ".join(keys)}.</p>' if keys else ""


def _mark(mark: str) -> str:
    return f' <abbr title="{escape(MARKS[mark])}">{mark}</abbr>'


def _jump(lesion: Lesion, is_volume: bool) -> str:
    if not is_volume:
        return ""
    return f' data-lesion="{lesion.id}" data-at="{lesion.diameter_slice}" title="Go to lesion {lesion.id}"'


def _lesion_cells(lesion: Lesion, report: Report) -> list[str]:
    is_volume = report.input.kind == "volume"
    size = lesion_amount(lesion, is_volume)
    if lesion.longest_diameter_mm is None or lesion.perpendicular_diameter_mm is None:
        across = f"{lesion.longest_diameter_px:.1f} × {lesion.perpendicular_diameter_px:.1f} pixels"
    else:
        across = f"{lesion.longest_diameter_mm:.1f} × {lesion.perpendicular_diameter_mm:.1f} mm"
        across += "" if lesion.measurable else _mark(SHORT)
    if lesion.touches_edge:
        across += _mark(CUT)
    slices = [slice_span(lesion)] if is_volume else []
    probability = f"{lesion.mean_probability:.2f} / {lesion.peak_probability:.2f}"
    hu = [f"{lesion.mean_hu:.0f}"] if report.input.assumed_window is None else []
    name = str(lesion.id)
    if is_volume:
        told = f"Go to lesion {name}, slice {lesion.diameter_slice + 1}"
        name = f'<button type="button" aria-label="{told}">{name}</button>'
    return [name, *slices, " ".join(size), across, *hu, probability]


def doubted(report: Report) -> str:
    """When not to believe the result: every doubt, those not to trust first, or that there is none."""
    rows = "".join(
        f'<li data-severity="{doubt.severity.replace(" ", "-")}"><strong>'
        f"{escape(doubt.severity.capitalize())}</strong> {escape(doubt.sentence)}</li>"
        for doubt in report.doubts
    )
    body = f"<ul>{rows}</ul>" if rows else f"<p>{escape(NO_DOUBT)}</p>"
    return f'<section class="ls-doubts" role="note"><h2>When not to believe it</h2>{body}</section>'


def assumptions(report: Report) -> str:
    """Every warning of the report that is no doubt, one line each."""
    doubts = {doubt.warning for doubt in report.doubts}
    warnings = [warning for warning in report.warnings if warning not in doubts]
    if not warnings:
        return '<p class="ls-none">Nothing: HU and spacing are the file\'s own.</p>'
    return "<ul>" + "".join(f"<li>{escape(sentence)}</li>" for sentence in warnings) + "</ul>"


def provenance(report: Report) -> str:
    """Which input, weights and engine the numbers come from, and how long it took."""
    rows = [*facts(report), ("Network time", f"{report.timing_s.get('network', 0.0):.2f} s")]
    return "<dl>" + "".join(_fact(name, value) for name, value in rows) + "</dl>"


def _fact(name: str, value: str) -> str:
    key = name.lower().replace(" ", "-")
    return f'<dt>{escape(name)}</dt><dd data-fact="{key}">{escape(value)}</dd>'


def results(analysis: PageAnalysis, counts: SliceCounts) -> str:
    """Everything under the pictures."""
    report = analysis.report
    return (
        f'<div class="ls-results">{doubted(report)}{numbers(analysis, counts)}'
        f'<div class="ls-columns"><section><h2>Lesions</h2>{lesion_table(report)}'
        f"<h2>What was assumed</h2>{assumptions(report)}</section>"
        f"<section><h2>Where it comes from</h2>{provenance(report)}</section></div></div>"
    )


def sentence_for(error: Exception) -> str:
    """What a visitor is told of an error; what is unexpected is logged without its text.

    An exception's text may name files or quote their content, so only its place is logged.
    """
    if isinstance(error, LiversegError):
        return str(error)
    places = [f"{frame.name}:{frame.lineno}" for frame in traceback.extract_tb(error.__traceback__)[-4:]]
    _log.error("unexpected %s at %s", type(error).__name__, " > ".join(places))
    return UNEXPECTED
