"""What the commands print: a report in a few lines, sizes, refusals."""

from __future__ import annotations

import sys


def summary(report) -> str:  # noqa: ANN001 (liverseg.analysis.report is imported late)
    """The report in a few lines."""
    lines = [f"checkpoint  {report.checkpoint.ref}, {report.engine}"]
    for name, amount in (("liver", report.liver), ("tumour", report.tumour)):
        lines.append(f"{name:<10}  {amount_text(amount)}")
    share = report.tumour_share_of_liver
    lines.append(
        "share       " + ("no liver found" if share is None else f"{share:.1%} of the liver is tumour")
    )
    for lesion in report.lesions:
        size = (
            f"{lesion.longest_diameter_mm:.1f} × {lesion.perpendicular_diameter_mm:.1f} mm"
            if lesion.longest_diameter_mm is not None
            else f"{lesion.longest_diameter_px:.1f} × {lesion.perpendicular_diameter_px:.1f} px"
        )
        lines.append(f"lesion {lesion.id:<3}  {size}, peak probability {lesion.peak_probability:.2f}")
    lines += [f"note        {warning}" for warning in report.warnings]
    return "\n".join(lines) + "\n"


def amount_text(amount) -> str:  # noqa: ANN001
    """The size of a structure with its unit."""
    unit = "voxels" if amount.kind == "volume" else "pixels"
    if amount.volume_ml is not None:
        return f"{amount.volume_ml:.1f} mL ({amount.count} {unit})"
    if amount.area_mm2 is not None:
        return f"{amount.area_mm2:.0f} mm² ({amount.count} {unit})"
    return f"{amount.count} {unit}"


def tell_refusal(sentence: str, series: tuple = (), prefix: str = "") -> None:
    """A refusal on standard error: one line saying why, then one for each series to choose from."""
    print(f"{prefix}{sentence}", file=sys.stderr)
    for info in series:
        print(f"  --series {info.line()}", file=sys.stderr, flush=True)
