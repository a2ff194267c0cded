"""The HTML below the pictures: sizes, lesions, doubts, assumptions, provenance. Values are escaped."""

from __future__ import annotations

from collections.abc import Sequence
from html import escape

from liverseg.analysis.lesions import Lesion
from liverseg.analysis.report import Amount, Report
from liverseg.analysis.report_text import (
    NOT_MEASURED,
    lesion_size_and_unit,
    number_text,
    provenance_rows,
    rejected_text,
    share_text,
    size_and_unit,
    slice_range_text,
    unsure_text,
)
from liverseg.app.state.session import PageAnalysis, SliceCounts
from liverseg.rendering.charts import donut_svg

SHOWN_LESIONS = 12
"""Rows of the lesion table; `report.csv` has every lesion."""

TOO_SHORT_MARK = "†"
AT_EDGE_MARK = "‡"
MARKS = {
    TOO_SHORT_MARK: "shorter than 10 mm: not measurable by RECIST 1.1",
    AT_EDGE_MARK: "cut off at the edge of the image",
}
"""Meanings of the marks after a lesion's diameters."""

DONUT_PX = 64

NO_DOUBTS = (
    "The automatic checks (modality, window, orientation, region, edges, confidence) found no problem. "
    "They cannot detect a wrong outline."
)


def tile(name: str, value: str, unit: str, notes: Sequence[str], kind: str, drawing: str = "") -> str:
    """A large number with its unit, notes below it, and a drawing (SVG) beside it; `kind` names the tile."""
    small = "".join(f"<small>{escape(note)}</small>" for note in notes if note)
    return (
        f'<div class="ls-tile ls-{kind}"><h3>{escape(name)}</h3>'
        f'<p><b data-measure="{kind}">{escape(value)}</b> <span>{escape(unit)}</span></p>'
        f"{small}{drawing}</div>"
    )


def _count_note(size: Amount) -> str:
    """The note below an area: its pixels, or why there is no area."""
    return "spacing unknown: no mm²" if size.area_mm2 is None else f"{number_text(size.count)} pixels"


def _slice_note(count: int, pixel_area_mm2: float | None) -> str:
    """The note below a volume: the area in the slice shown."""
    size = (
        f"{number_text(count)} pixels"
        if pixel_area_mm2 is None
        else f"{number_text(count * pixel_area_mm2)} mm²"
    )
    return f"in this slice: {size}"


def size_tiles(analysis: PageAnalysis, counts: SliceCounts) -> str:
    """Tiles of tumour, liver, tumour share and lesions; of a volume also the areas in the slice shown."""
    report, ct = analysis.report, analysis.ct
    is_volume = ct.kind == "volume"
    tumour_note = _slice_note(counts.tumour, ct.pixel_area_mm2) if is_volume else _count_note(report.tumour)
    liver_note = _slice_note(counts.liver, ct.pixel_area_mm2) if is_volume else _count_note(report.liver)
    unknown = "spacing unknown: no mL" if is_volume and ct.spacing_mm is None else ""
    names = ("Tumour volume", "Liver volume") if is_volume else ("Tumour area", "Liver area")
    tiles = (
        tile(names[0], *size_and_unit(report.tumour), (tumour_note, unknown), "tumour"),
        tile(names[1], *size_and_unit(report.liver), (liver_note + ", without tumour", unknown), "liver"),
        tile(
            "Tumour share of the liver",
            share_text(report.tumour_share_of_liver),
            "",
            ("tumour / (liver + tumour)",),
            "share",
            donut_svg(report.tumour_share_of_liver, DONUT_PX) if is_volume else "",
        ),
        tile(
            "Lesions",
            str(len(report.likely_lesions)),
            "",
            ("connected tumour regions", unsure_text(report), rejected_text(report)),
            "lesions",
        ),
    )
    return f'<div class="ls-tiles">{"".join(tiles)}</div>'


def lesion_table(report: Report) -> str:
    """A table of the largest `SHOWN_LESIONS` lesions: size, diameters, mean HU, probability.

    Unsure and rejected lesions follow in rows of their own, at most as many.
    """
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
        *(["Lesion probability"] if _has_lesion_probability(report) else []),
    ]
    likely, unsure = report.likely_lesions, report.unsure_lesions
    rows = _rows(likely[:SHOWN_LESIONS], report)
    if unsure:
        rows += _unsure_rows(unsure, report, len(heads))
    rejected = report.rejected_lesions
    if rejected:
        heading = f"{rejected_text(report)} by you: labelled liver, not counted as tumour"
        rows += _group_rows("ls-rejected", heading, rejected, report, len(heads))
    more = [max(len(lesions) - SHOWN_LESIONS, 0) for lesions in (likely, unsure, rejected)]
    names = ("smaller ones", "more unsure ones", "more rejected ones")
    left_out = " and ".join(f"{n} {name}" for n, name in zip(more, names, strict=True) if n)
    rest = f'<p class="ls-none">and {left_out}; report.csv lists all.</p>' if left_out else ""
    head = "".join(f'<th scope="col">{name}</th>' for name in heads)
    table = f"<table><thead><tr>{head}</tr></thead><tbody>{rows}</tbody></table>"
    return f'<div class="ls-scroll">{table}</div>{_mark_legend(rows)}{rest}'


def _has_lesion_probability(report: Report) -> bool:
    return any(lesion.lesion_probability is not None for lesion in report.lesions)


def _rows(lesions: Sequence[Lesion], report: Report) -> str:
    is_volume = report.input.kind == "volume"
    return "".join(
        f"<tr{_row_attributes(lesion, is_volume)}>"
        + "".join(f"<td>{cell}</td>" for cell in _lesion_cells(lesion, report))
        + "</tr>"
        for lesion in lesions
    )


def _unsure_rows(unsure: Sequence[Lesion], report: Report, columns: int) -> str:
    """The rows of unsure lesions, below a heading that says how they count."""
    heading = f"{unsure_text(report)}: labelled liver, not counted as tumour"
    if not report.likely_lesions:
        heading = f"No likely lesion. {heading}"
    return _group_rows("ls-unsure", heading, unsure, report, columns)


def _group_rows(css: str, heading: str, lesions: Sequence[Lesion], report: Report, columns: int) -> str:
    """Rows of lesions that do not count, below their heading."""
    head = f'<th scope="rowgroup" colspan="{columns}">{escape(heading)}</th>'
    return f'</tbody><tbody class="{css}"><tr>{head}</tr>{_rows(lesions[:SHOWN_LESIONS], report)}'


def _mark_legend(rows: str) -> str:
    """The meanings of the marks in the rows of a table."""
    keys = [f"{mark}\u00a0{meaning}" for mark, meaning in MARKS.items() if f">{mark}<" in rows]
    return f'<p class="ls-none">{"; ".join(keys)}.</p>' if keys else ""


def _mark(mark: str) -> str:
    return f' <abbr title="{escape(MARKS[mark])}">{mark}</abbr>'


def _row_attributes(lesion: Lesion, is_volume: bool) -> str:
    """Attributes by which `volume.js` goes to a lesion when its row is clicked."""
    if not is_volume:
        return ""
    return f' data-lesion="{lesion.id}" data-at="{lesion.diameter_slice}" title="Go to lesion {lesion.id}"'


def _lesion_cells(lesion: Lesion, report: Report) -> list[str]:
    """HTML of the cells of a lesion's row."""
    is_volume = report.input.kind == "volume"
    size = lesion_size_and_unit(lesion, is_volume)
    if lesion.longest_diameter_mm is None or lesion.perpendicular_diameter_mm is None:
        diameters = f"{lesion.longest_diameter_px:.1f} × {lesion.perpendicular_diameter_px:.1f} pixels"
    else:
        diameters = f"{lesion.longest_diameter_mm:.1f} × {lesion.perpendicular_diameter_mm:.1f} mm"
        diameters += "" if lesion.measurable else _mark(TOO_SHORT_MARK)
    if lesion.touches_edge:
        diameters += _mark(AT_EDGE_MARK)
    slices = [slice_range_text(lesion)] if is_volume else []
    probability = f"{lesion.mean_probability:.2f} / {lesion.peak_probability:.2f}"
    hu = [f"{lesion.mean_hu:.0f}"] if report.input.assumed_window is None else []
    name = str(lesion.id)
    if is_volume:
        label = f"Go to lesion {name}, slice {lesion.diameter_slice + 1}"
        name = f'<button type="button" aria-label="{label}">{name}</button>'
    real = lesion.lesion_probability
    real_cell = [NOT_MEASURED if real is None else f"{real:.2f}"] if _has_lesion_probability(report) else []
    return [name, *slices, " ".join(size), diameters, *hu, probability, *real_cell]


def doubts_section(report: Report) -> str:
    """The reasons to doubt a result, the severe ones first; `NO_DOUBTS` where there are none."""
    rows = "".join(
        f'<li data-severity="{doubt.severity.replace(" ", "-")}"><strong>'
        f"{escape(doubt.severity.capitalize())}</strong> {escape(doubt.sentence)}</li>"
        for doubt in report.doubts
    )
    body = f"<ul>{rows}</ul>" if rows else f"<p>{escape(NO_DOUBTS)}</p>"
    return f'<section class="ls-doubts" role="note"><h2>Reasons for doubt</h2>{body}</section>'


def assumptions(report: Report) -> str:
    """A list of the warnings of a report that are not doubts."""
    doubts = {doubt.warning for doubt in report.doubts}
    warnings = [warning for warning in report.warnings if warning not in doubts]
    if not warnings:
        return '<p class="ls-none">None: HU and spacing come from the file.</p>'
    return "<ul>" + "".join(f"<li>{escape(sentence)}</li>" for sentence in warnings) + "</ul>"


def provenance(report: Report) -> str:
    """Input, weights and engine behind the sizes, and the time that the network took."""
    rows = [*provenance_rows(report), ("Network time", f"{report.timing_s.get('network', 0.0):.2f} s")]
    return "<dl>" + "".join(_fact(name, value) for name, value in rows) + "</dl>"


def _fact(name: str, value: str) -> str:
    key = name.lower().replace(" ", "-")
    return f'<dt>{escape(name)}</dt><dd data-fact="{key}">{escape(value)}</dd>'


def results_section(analysis: PageAnalysis, counts: SliceCounts) -> str:
    """The whole section below the pictures; `counts` are those of the slice shown."""
    report = analysis.report
    return (
        f'<div class="ls-results">{doubts_section(report)}{size_tiles(analysis, counts)}'
        f'<div class="ls-columns"><section><h2>Lesions</h2>{lesion_table(report)}'
        f"<h2>Assumptions</h2>{assumptions(report)}</section>"
        f"<section><h2>Provenance</h2>{provenance(report)}</section></div></div>"
    )
