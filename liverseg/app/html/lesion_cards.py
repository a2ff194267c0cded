"""The HTML of the lesions: a card for each, likely ones first, unsure ones folded. Values are escaped."""

from __future__ import annotations

from collections.abc import Sequence
from html import escape

from liverseg.analysis.lesions import Lesion
from liverseg.analysis.report import Report
from liverseg.analysis.report_text import slice_range_text
from liverseg.app.html.measures_text import lesion_size_and_unit, rejected_text, unsure_text
from liverseg.app.text.catalogue import say, say_count, say_html

SHOWN_LESIONS = 12
"""Cards of each kind of lesion; `report.csv` has every lesion."""

TOO_SHORT_MARK = "†"
AT_EDGE_MARK = "‡"
MARKS = {TOO_SHORT_MARK: "mark.too_short", AT_EDGE_MARK: "mark.at_edge"}
"""The marks after a lesion's diameters, and the keys of their meanings."""


def lesion_list(report: Report) -> str:
    """The number of likely lesions and the cards of the largest `SHOWN_LESIONS`.

    Rejected lesions follow, then unsure ones, folded; of each kind at most as many.
    """
    likely, unsure = report.likely_lesions, report.unsure_lesions
    aside = "; ".join(text for text in (unsure_text(report), rejected_text(report)) if text)
    head = f'<h2>{say_html("lesions.title")} <b data-measure="lesions">{len(likely)}</b>'
    head += f" <small>{escape(aside)}</small></h2>" if aside else "</h2>"
    if not report.lesions:
        body = f'<p class="ls-none">{say_html("lesions.none")}</p>'
    else:
        body = (
            _cards(likely, report) if likely else f'<p class="ls-none">{say_html("lesions.none_likely")}</p>'
        )
        body += _cards(report.rejected_lesions, report) + _unsure_fold(unsure, report)
    legend = _mark_legend(body)
    return (
        f'<section class="ls-lesions" aria-label="{say_html("lesions.title")}">{head}{body}{legend}</section>'
    )


def _unsure_fold(unsure: Sequence[Lesion], report: Report) -> str:
    """The unsure lesions behind a line that says how they count."""
    if not unsure:
        return ""
    counted = unsure_text(report) or say_count("count.unsure", len(unsure))
    line = say("lesions.unsure", counted=counted)
    return (
        f'<details class="ls-unsure-lesions" data-fold="unsure"><summary>{escape(line)}</summary>'
        f"{_cards(unsure, report)}</details>"
    )


def _cards(lesions: Sequence[Lesion], report: Report) -> str:
    more = len(lesions) - SHOWN_LESIONS
    rest = f'<p class="ls-none">{say_html("lesions.more", count=more)}</p>' if more > 0 else ""
    return "".join(lesion_card(lesion, report) for lesion in lesions[:SHOWN_LESIONS]) + rest


def lesion_card(lesion: Lesion, report: Report) -> str:
    """The card of a lesion: number, size, diameters, mean HU, slices, probabilities, and a reject button.

    `volume.js` goes to the lesion when its card is clicked.
    """
    is_volume = report.input.kind == "volume"
    kind = " ls-rejected" if lesion.rejected else "" if lesion.likely else " ls-unsure"
    size = escape(" ".join(lesion_size_and_unit(lesion, is_volume)))
    facts = " ".join(f"<span>{escape(fact)}</span>" for fact in _facts(lesion, report))
    note = (
        f'<p class="ls-fact-line"><span>{say_html("lesion.rejected")}</span></p>' if lesion.rejected else ""
    )
    return (
        f'<article data-lesion="{lesion.id}" data-at="{lesion.diameter_slice}" class="ls-lesion{kind}">'
        f"{_number(lesion, is_volume)}"
        f'<div><p><b class="ls-size">{size}</b> <span class="ls-diameters">{_diameters(lesion)}</span></p>'
        f'<p class="ls-fact-line">{facts}</p>{note}</div>{_reject_button(lesion)}</article>'
    )


def _number(lesion: Lesion, is_volume: bool) -> str:
    """The number of a lesion; in a volume a button that goes there."""
    if not is_volume:
        return f'<span class="ls-number">{lesion.id}</span>'
    label = say_html("lesion.go", lesion=lesion.id, slice=lesion.diameter_slice + 1)
    return (
        f'<button type="button" class="ls-number" data-go aria-label="{label}" title="{label}">'
        f"{lesion.id}</button>"
    )


def _diameters(lesion: Lesion) -> str:
    """Longest and perpendicular diameter with their marks (HTML)."""
    if lesion.longest_diameter_mm is None or lesion.perpendicular_diameter_mm is None:
        text = (
            f"{lesion.longest_diameter_px:.1f} × {lesion.perpendicular_diameter_px:.1f} "
            f"{say_html('unit.pixels')}"
        )
    else:
        text = f"{lesion.longest_diameter_mm:.1f} × {lesion.perpendicular_diameter_mm:.1f} mm"
        text += "" if lesion.measurable else _mark(TOO_SHORT_MARK)
    return text + (_mark(AT_EDGE_MARK) if lesion.touches_edge else "")


def _facts(lesion: Lesion, report: Report) -> list[str]:
    """Mean HU where the file has HU, slices of a volume, and the probabilities."""
    facts = []
    if report.input.assumed_window is None:
        facts.append(say("lesion.mean", hu=f"{lesion.mean_hu:.0f}"))
    if report.input.kind == "volume":
        key = "lesion.slice" if lesion.slice_range[0] == lesion.slice_range[1] else "lesion.slices"
        facts.append(say(key, slices=slice_range_text(lesion)))
    if lesion.lesion_probability is not None:
        facts.append(say("lesion.probability", p=f"{lesion.lesion_probability:.2f}"))
    mean, peak = lesion.mean_probability, lesion.peak_probability
    if mean is not None and peak is not None:
        facts.append(say("lesion.tumour_probability", mean=f"{mean:.2f}", peak=f"{peak:.2f}"))
    return facts


def _reject_button(lesion: Lesion) -> str:
    face, title = (
        (say("lesion.restore"), "lesion.restore_title") if lesion.rejected else ("✕", "lesion.reject_title")
    )
    return (
        f'<button type="button" data-reject="{lesion.id}" aria-pressed="{str(lesion.rejected).lower()}" '
        f'aria-label="{say_html("lesion.reject", lesion=lesion.id)}" title="{say_html(title)}">'
        f"{face}</button>"
    )


def _mark(mark: str) -> str:
    return f' <abbr title="{say_html(MARKS[mark])}">{mark}</abbr>'


def _mark_legend(cards: str) -> str:
    """The meanings of the marks in the cards."""
    keys = [f"{mark}\u00a0{say_html(key)}" for mark, key in MARKS.items() if f">{mark}<" in cards]
    return f'<p class="ls-none ls-marks">{"; ".join(keys)}.</p>' if keys else ""
