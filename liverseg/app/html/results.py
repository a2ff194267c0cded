"""The HTML below the pictures: sizes, lesions, doubts, assumptions, provenance. Values are escaped."""

from __future__ import annotations

from collections.abc import Sequence
from html import escape

from liverseg.analysis.lesions import Lesion
from liverseg.analysis.report import Amount, Report
from liverseg.analysis.report_text import (
    lesion_size_and_unit,
    number_text,
    provenance_rows,
    share_text,
    size_and_unit,
    slice_range_text,
)
from liverseg.app.state.session import PageAnalysis, SliceCounts
from liverseg.rendering.charts import donut_svg

SHOWN_LESIONS = 12
"""Rows of the lesion table; `report.csv` has every lesion."""


SHORT = "†"


CUT = "‡"


MARKS = {SHORT: "shorter than 10 mm: not measurable by RECIST 1.1", CUT: "cut off at the edge of the image"}
"""Meaning of the marks behind a lesion's diameters."""


DONUT_PX = 64


def tile(name: str, value: str, unit: str, notes: Sequence[str], kind: str, drawing: str = "") -> str:
    """A large number with its unit, notes below it, and a drawing (SVG) beside it."""
    small = "".join(f"<small>{escape(note)}</small>" for note in notes if note)
    return (
        f'<div class="ls-tile ls-{kind}"><h3>{escape(name)}</h3>'
        f'<p><b data-measure="{kind}">{escape(value)}</b> <span>{escape(unit)}</span></p>'
        f"{small}{drawing}</div>"
    )


def _counted(value: Amount) -> str:
    unit = "voxels" if value.kind == "volume" else "pixels"
    known = value.volume_ml if value.kind == "volume" else value.area_mm2
    return "spacing unknown: no mm²" if known is None else f"{number_text(value.count)} {unit}"


def _in_slice(count: int, pixel_area_mm2: float | None) -> str:
    size = (
        f"{number_text(count)} pixels"
        if pixel_area_mm2 is None
        else f"{number_text(count * pixel_area_mm2)} mm²"
    )
    return f"in this slice: {size}"


def numbers(analysis: PageAnalysis, counts: SliceCounts) -> str:
    """Tumour, liver and their ratio; for a volume also the sizes in the slice shown."""
    report, ct = analysis.report, analysis.ct
    is_volume = ct.kind == "volume"
    tumour_note = _in_slice(counts.tumour, ct.pixel_area_mm2) if is_volume else _counted(report.tumour)
    liver_note = _in_slice(counts.liver, ct.pixel_area_mm2) if is_volume else _counted(report.liver)
    unknown = "spacing unknown: no mL" if is_volume and ct.spacing_mm is None else ""
    names = ("Tumour volume", "Liver volume") if is_volume else ("Tumour area", "Liver area")
    found = len(report.lesions)
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
    """The meanings of the marks that occur in a table's rows."""
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
    size = lesion_size_and_unit(lesion, is_volume)
    if lesion.longest_diameter_mm is None or lesion.perpendicular_diameter_mm is None:
        across = f"{lesion.longest_diameter_px:.1f} × {lesion.perpendicular_diameter_px:.1f} pixels"
    else:
        across = f"{lesion.longest_diameter_mm:.1f} × {lesion.perpendicular_diameter_mm:.1f} mm"
        across += "" if lesion.measurable else _mark(SHORT)
    if lesion.touches_edge:
        across += _mark(CUT)
    slices = [slice_range_text(lesion)] if is_volume else []
    probability = f"{lesion.mean_probability:.2f} / {lesion.peak_probability:.2f}"
    hu = [f"{lesion.mean_hu:.0f}"] if report.input.assumed_window is None else []
    name = str(lesion.id)
    if is_volume:
        label = f"Go to lesion {name}, slice {lesion.diameter_slice + 1}"
        name = f'<button type="button" aria-label="{label}">{name}</button>'
    return [name, *slices, " ".join(size), across, *hu, probability]


def doubts_panel(report: Report) -> str:
    """The panel of doubts about a result, the severe ones first, or that there is none."""
    rows = "".join(
        f'<li data-severity="{doubt.severity.replace(" ", "-")}"><strong>'
        f"{escape(doubt.severity.capitalize())}</strong> {escape(doubt.sentence)}</li>"
        for doubt in report.doubts
    )
    body = f"<ul>{rows}</ul>" if rows else f"<p>{escape(NO_DOUBT)}</p>"
    return f'<section class="ls-doubts" role="note"><h2>When not to believe it</h2>{body}</section>'


def assumptions(report: Report) -> str:
    """The warnings of the report that are not doubts, one line each."""
    doubts = {doubt.warning for doubt in report.doubts}
    warnings = [warning for warning in report.warnings if warning not in doubts]
    if not warnings:
        return '<p class="ls-none">Nothing: HU and spacing come from the file.</p>'
    return "<ul>" + "".join(f"<li>{escape(sentence)}</li>" for sentence in warnings) + "</ul>"


def provenance(report: Report) -> str:
    """Input, weights and engine behind the numbers, and the network's time."""
    rows = [*provenance_rows(report), ("Network time", f"{report.timing_s.get('network', 0.0):.2f} s")]
    return "<dl>" + "".join(_fact(name, value) for name, value in rows) + "</dl>"


def _fact(name: str, value: str) -> str:
    key = name.lower().replace(" ", "-")
    return f'<dt>{escape(name)}</dt><dd data-fact="{key}">{escape(value)}</dd>'


def results(analysis: PageAnalysis, counts: SliceCounts) -> str:
    """Everything below the pictures."""
    report = analysis.report
    return (
        f'<div class="ls-results">{doubts_panel(report)}{numbers(analysis, counts)}'
        f'<div class="ls-columns"><section><h2>Lesions</h2>{lesion_table(report)}'
        f"<h2>What was assumed</h2>{assumptions(report)}</section>"
        f"<section><h2>Where it comes from</h2>{provenance(report)}</section></div></div>"
    )


NO_DOUBT = (
    "The automatic checks (modality, window, orientation, region, edges, confidence) found no problem. "
    "They cannot detect a wrong outline."
)
