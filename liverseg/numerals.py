"""Measures as a person reads them: significant digits, units, thin spaces (pure)."""

from __future__ import annotations

from liverseg.report import Amount


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


def amount(value: Amount) -> tuple[str, str]:
    """A size and its unit: mm² or mL, pixels or voxels where the spacing is unknown."""
    if value.kind == "volume":
        known, unit, count_unit = value.volume_ml, "mL", "voxels"
    else:
        known, unit, count_unit = value.area_mm2, "mm²", "pixels"
    if known is None:
        return number(value.count), count_unit if value.count != 1 else count_unit[:-1]
    return number(known), unit
