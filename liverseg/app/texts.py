"""The words and the HTML of the page (pure). Everything that is put into HTML is escaped here."""

from __future__ import annotations

import base64
from collections.abc import Sequence
from html import escape

from liverseg.app.loading import dice, licence_name
from liverseg.app.session import Analysis, SliceCounts
from liverseg.lesions import Lesion
from liverseg.report import Amount, Report
from registry import Checkpoint

TITLE = "liverseg"
KEEP_MINUTES = 20
"""Uploads, results and what is in memory are deleted after this time."""

NOTICE = "<strong>Research software, not a medical device.</strong> Do not upload identifiable patient data."
PRIVACY = (
    f"Uploads and results are deleted {KEEP_MINUTES} minutes after their last use. Nothing is sent to any "
    "other service, there are no analytics, and reports hold no file name and nothing of the patient."
)
UNEXPECTED = "Something went wrong on our side; the input was not segmented. Try again, or try another file."
EXPIRED = "This result was deleted after its time; upload the file again."
SHOWN_LESIONS = 12
"""Rows of the table of lesions; `report.csv` has them all."""

SHORT, CUT = "†", "‡"
MARKS = {SHORT: "shorter than 10 mm: not measurable by RECIST 1.1", CUT: "cut off at the edge of the image"}
"""What marks behind a lesion's diameters stand for."""

PANELS = ("CT slice", "Segmentation", "Tumour probability")


def header() -> str:
    """The top of the page: what it is, and the research-use notice."""
    return (
        f'<header class="ls-header"><div><h1>{TITLE}</h1>'
        "<p>Liver and tumours in CT, from one slice or a volume</p></div>"
        f'<p class="ls-notice" role="note">{NOTICE}</p></header>'
    )


def footer() -> str:
    """The privacy statement."""
    return f'<p class="ls-privacy">{PRIVACY}</p>'


def problem(sentence: str) -> str:
    """A refusal, as one sentence next to the upload."""
    return f'<div class="ls-problem" role="alert">{escape(sentence)}</div>'


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


def viewer(jpegs: Sequence[bytes], label: str) -> str:
    """The three pictures side by side; `label` says which slice for those who cannot see it."""
    figures = "".join(
        f'<figure><figcaption>{name}</figcaption><button type="button" title="Enlarge {name}">'
        f'<img src="data:image/jpeg;base64,{base64.b64encode(jpeg).decode()}" alt="{name}, {escape(label)}">'
        "</button></figure>"
        for name, jpeg in zip(PANELS, jpegs, strict=True)
    )
    return f'<div class="ls-viewer">{figures}</div>'


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


def number(value: float) -> str:
    """A measure with three significant digits, a count or a larger one with all its whole ones.

    >>> number(0.12345), number(12.345), number(1234.6), number(0.0), number(7)
    ('0.123', '12.3', '1\\u202f235', '0', '7')
    """
    whole = isinstance(value, int) or value == 0 or abs(value) >= 100
    digits = 0 if whole else 1 if abs(value) >= 10 else 2 if abs(value) >= 1 else 3
    return f"{value:,.{digits}f}".replace(",", "\u202f")


def share(value: float | None) -> str:
    """A share in per cent.

    >>> share(0.0456), share(None)
    ('4.6 %', '–')
    """
    return "–" if value is None else f"{100 * value:.1f} %"


def amount(value: Amount) -> tuple[str, str]:
    """A size and its unit: mm² or mL, pixels or voxels where the spacing is unknown."""
    if value.kind == "volume":
        known, unit, count_unit = value.volume_ml, "mL", "voxels"
    else:
        known, unit, count_unit = value.area_mm2, "mm²", "pixels"
    if known is None:
        return number(value.count), count_unit if value.count != 1 else count_unit[:-1]
    return number(known), unit


def _tile(name: str, value: str, unit: str, notes: Sequence[str], kind: str) -> str:
    small = "".join(f"<small>{escape(note)}</small>" for note in notes if note)
    return (
        f'<div class="ls-tile ls-{kind}"><h3>{escape(name)}</h3>'
        f'<p><b data-measure="{kind}">{escape(value)}</b> <span>{escape(unit)}</span></p>{small}</div>'
    )


def _counted(value: Amount) -> str:
    unit = "voxels" if value.kind == "volume" else "pixels"
    known = value.volume_ml if value.kind == "volume" else value.area_mm2
    return "spacing unknown: no mm²" if known is None else f"{number(value.count)} {unit}"


def _in_slice(count: int, pixel_area_mm2: float | None) -> str:
    size = f"{number(count)} pixels" if pixel_area_mm2 is None else f"{number(count * pixel_area_mm2)} mm²"
    return f"in this slice: {size}"


def numbers(analysis: Analysis, counts: SliceCounts) -> str:
    """Tumour, liver and their ratio; of a volume, those of the shown slice too."""
    report, ct = analysis.report, analysis.ct
    is_volume = ct.kind == "volume"
    tumour_note = _in_slice(counts.tumour, ct.pixel_area_mm2) if is_volume else _counted(report.tumour)
    liver_note = _in_slice(counts.liver, ct.pixel_area_mm2) if is_volume else _counted(report.liver)
    unknown = "spacing unknown: no mL" if is_volume and ct.spacing_mm is None else ""
    names = ("Tumour volume", "Liver volume") if is_volume else ("Tumour area", "Liver area")
    found = len(report.lesions)
    tiles = (
        _tile(names[0], *amount(report.tumour), (tumour_note, unknown), "tumour"),
        _tile(names[1], *amount(report.liver), (liver_note + ", without tumour", unknown), "liver"),
        _tile(
            "Tumour share of the liver",
            share(report.tumour_share_of_liver),
            "",
            ("tumour / (liver + tumour)",),
            "share",
        ),
        _tile("Lesions", str(found), "", ("connected tumour regions",), "lesions"),
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
        "<tr>" + "".join(f"<td>{cell}</td>" for cell in _lesion_cells(lesion, report)) + "</tr>"
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


def _lesion_cells(lesion: Lesion, report: Report) -> list[str]:
    is_volume = report.input.kind == "volume"
    size = amount(Amount("volume" if is_volume else "slice", lesion.count, lesion.area_mm2, lesion.volume_ml))
    if lesion.longest_diameter_mm is None or lesion.perpendicular_diameter_mm is None:
        across = f"{lesion.longest_diameter_px:.1f} × {lesion.perpendicular_diameter_px:.1f} pixels"
    else:
        across = f"{lesion.longest_diameter_mm:.1f} × {lesion.perpendicular_diameter_mm:.1f} mm"
        across += "" if lesion.measurable else _mark(SHORT)
    if lesion.touches_edge:
        across += _mark(CUT)
    first, last = (index + 1 for index in lesion.slice_range)
    slices = [f"{first}" if first == last else f"{first}–{last}"] if is_volume else []
    probability = f"{lesion.mean_probability:.2f} / {lesion.peak_probability:.2f}"
    hu = [f"{lesion.mean_hu:.0f}"] if report.input.assumed_window is None else []
    return [str(lesion.id), *slices, " ".join(size), across, *hu, probability]


def assumptions(report: Report) -> str:
    """Every warning of the report, one line each."""
    if not report.warnings:
        return '<p class="ls-none">Nothing: HU and spacing are the file\'s own.</p>'
    return "<ul>" + "".join(f"<li>{escape(sentence)}</li>" for sentence in report.warnings) + "</ul>"


def provenance(report: Report) -> str:
    """Which input, weights and engine the numbers come from, and how long it took."""
    facts, checkpoint = report.input, report.checkpoint
    slices, height, width = facts.shape
    shape = (
        f"{slices} × {height} × {width} voxels" if facts.kind == "volume" else f"{height} × {width} pixels"
    )
    spacing = "unknown"
    if facts.spacing_mm is not None:
        used = facts.spacing_mm if facts.kind == "volume" else facts.spacing_mm[1:]
        spacing = " × ".join(f"{value:.3g}" for value in used) + f" mm ({facts.spacing_source})"
    commit = f" at {checkpoint.revision[:12]}" if checkpoint.revision else ""
    rows = [
        ("Input", f"{facts.source_format.upper() if facts.source_format != 'nifti' else 'NIfTI'}, {shape}"),
        ("Spacing", spacing),
        ("Checkpoint", checkpoint.ref),
        ("Weights", f"sha256 {checkpoint.sha256[:12]}… from {checkpoint.registry}{commit}"),
        *([("Slices run", _slices_run(report))] if facts.kind == "volume" else []),
        ("Threshold", f"{report.tumour_threshold:.2f}"),
        ("Engine", report.engine),
        ("Network time", f"{report.timing_s.get('network', 0.0):.2f} s"),
    ]
    return "<dl>" + "".join(_fact(name, value) for name, value in rows) + "</dl>"


def _slices_run(report: Report) -> str:
    skipped = sum(last - first + 1 for first, last in report.skipped_slices)
    total = report.input.shape[0]
    return f"{total - skipped} of {total}" + (": the others cannot show this liver" if skipped else "")


def _fact(name: str, value: str) -> str:
    key = name.lower().replace(" ", "-")
    return f'<dt>{escape(name)}</dt><dd data-fact="{key}">{escape(value)}</dd>'


def results(analysis: Analysis, counts: SliceCounts) -> str:
    """Everything under the pictures."""
    report = analysis.report
    return (
        f'<div class="ls-results">{numbers(analysis, counts)}'
        f'<div class="ls-columns"><section><h2>Lesions</h2>{lesion_table(report)}'
        f"<h2>What was assumed</h2>{assumptions(report)}</section>"
        f"<section><h2>Where it comes from</h2>{provenance(report)}</section></div></div>"
    )
