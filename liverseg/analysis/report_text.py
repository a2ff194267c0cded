"""The report as a person reads it, on the page and on paper: digits, units, what was measured (pure)."""

from __future__ import annotations

from liverseg.analysis.lesions import Lesion
from liverseg.analysis.report import Amount, Report


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

    >>> share(0.0456), share(0.0001), share(0.0), share(None)
    ('4.6 %', '< 0.1 %', '0.0 %', '–')
    """
    if value is not None and 0 < value < 0.0005:
        return "< 0.1 %"
    return "–" if value is None else f"{100 * value:.1f} %"


def threshold(value: float) -> str:
    """A tumour threshold with two digits after the point, or with the three that calibration gives it.

    >>> threshold(0.4), threshold(0.122)
    ('0.40', '0.122')
    """
    return f"{value:.2f}" if abs(value - round(value, 2)) < 1e-9 else f"{value:.3f}"


def amount(value: Amount) -> tuple[str, str]:
    """A size and its unit: mm² or mL, pixels or voxels where the spacing is unknown."""
    if value.kind == "volume":
        known, unit, count_unit = value.volume_ml, "mL", "voxels"
    else:
        known, unit, count_unit = value.area_mm2, "mm²", "pixels"
    if known is None:
        return number(value.count), count_unit if value.count != 1 else count_unit[:-1]
    return number(known), unit


def lesion_amount(lesion: Lesion, is_volume: bool) -> tuple[str, str]:
    """The size of a lesion and its unit, as `amount` has them."""
    return amount(Amount("volume" if is_volume else "slice", lesion.count, lesion.area_mm2, lesion.volume_ml))


def slice_span(lesion: Lesion) -> str:
    """The slices that a lesion lies in, counted from 1 as on the pictures."""
    first, last = (index + 1 for index in lesion.slice_range)
    return f"{first}" if first == last else f"{first}–{last}"


def facts(report: Report, sha_digits: int = 12) -> list[tuple[str, str]]:
    """Which input, weights and engine the numbers come from: names and values."""
    given, checkpoint = report.input, report.checkpoint
    slices, height, width = given.shape
    shape = (
        f"{slices} × {height} × {width} voxels" if given.kind == "volume" else f"{height} × {width} pixels"
    )
    spacing = "unknown"
    if given.spacing_mm is not None:
        used = given.spacing_mm if given.kind == "volume" else given.spacing_mm[1:]
        spacing = " × ".join(f"{value:.3g}" for value in used) + f" mm ({given.spacing_source})"
    commit = f" at {checkpoint.revision[:12]}" if checkpoint.revision else ""
    sha = checkpoint.sha256[:sha_digits] + ("…" if sha_digits < len(checkpoint.sha256) else "")
    return [
        ("Input", f"{given.source_format.upper() if given.source_format != 'nifti' else 'NIfTI'}, {shape}"),
        ("Spacing", spacing),
        ("Checkpoint", checkpoint.ref),
        ("Weights", f"sha256 {sha} from {checkpoint.registry}{commit}"),
        *([("Slices run", slices_run(report))] if given.kind == "volume" else []),
        ("Threshold", threshold(report.tumour_threshold)),
        ("Engine", report.engine),
    ]


def slices_run(report: Report) -> str:
    """On how many slices of a volume the network was run, and why not on the others."""
    skipped = sum(last - first + 1 for first, last in report.skipped_slices)
    total = report.input.shape[0]
    return f"{total - skipped} of {total}" + (": the others cannot show this liver" if skipped else "")
