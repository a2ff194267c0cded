"""Measures in the words of the page: as `liverseg.analysis.report_text`, in the language of the visitor.

Numbers look the same in every language, with a decimal point and a narrow space between thousands: a reader
compares them with a scanner, a PDF or a CSV, and 1,234 must not mean two things.
"""

from __future__ import annotations

from liverseg.analysis import report_text
from liverseg.analysis.lesions import Lesion
from liverseg.analysis.report import Amount, Report
from liverseg.analysis.report_text import number_text
from liverseg.app.text.catalogue import say, say_count
from liverseg.core.lesion_model import OperatingPoint


def size_and_unit(size: Amount) -> tuple[str, str]:
    """The number and the unit of a size; pixels and voxels where the spacing is unknown."""
    number, unit = report_text.size_and_unit(size)
    return number, say(f"unit.{unit}") if unit in ("pixel", "pixels", "voxel", "voxels") else unit


def size_text(size: Amount) -> str:
    """A size with its unit in one string."""
    return " ".join(size_and_unit(size))


def lesion_size_and_unit(lesion: Lesion, is_volume: bool) -> tuple[str, str]:
    """The number and the unit of a lesion's size."""
    kind = "volume" if is_volume else "slice"
    return size_and_unit(Amount(kind, lesion.count, lesion.area_mm2, lesion.volume_ml))


def unsure_text(report: Report) -> str:
    """The number and size of the unsure lesions, as "10 unsure, 1.20 mL"; empty if there are none."""
    decision = report.decision
    if decision is None or not decision.unsure:
        return ""
    return f"{_counted('count.unsure', decision.unsure)}, {size_text(decision.unsure_size)}"


def rejected_text(report: Report) -> str:
    """The number and size of the rejected lesions, as "2 rejected, 3.40 mL"; empty if there are none."""
    edited = report.edited
    if edited is None or not edited.rejected:
        return ""
    return f"{_counted('count.rejected', len(edited.rejected))}, {size_text(edited.size)}"


def _counted(key: str, count: int) -> str:
    return say_count(key, count, number_text(count))


def operating_point_sentence(point: OperatingPoint | None) -> str:
    """What a lesion cut gave in cross-validation; None: it was not measured."""
    if point is None:
        return say("cut.not_measured")
    return say("cut.measured", found=f"{100 * point.recall:.0f}", false=f"{point.false_per_scan:.1f}")
