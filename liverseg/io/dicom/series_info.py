"""Describes a CT series so that a user can choose it, by numbers and known names only.

No text that could identify the patient is included.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

_KERNELS = re.compile(
    r"[A-Z][a-z]?\d{2}[a-z]?(\\\d)?"  # Siemens: B30f, Br40d\3
    r"|F[CL]\d{2}(-?[A-Z]{1,2})?"  # Canon, Toshiba: FC08, FC13-H
    r"|(STANDARD|SOFT|DETAIL|BONE(PLUS)?|LUNG|CHEST|EDGE|ULTRA|HD (STND|BONE|LUNG|DETAIL))"  # GE
    r"|(A|B|C|D|E|F|L|SA|SB|SC|YA|YB|YC|YD|UA|UB|UC|IMR[123])"  # Philips
)
_MEASURE = re.compile(r"(?<![\w.,])(\d{1,4}(?:[.,]\d{1,2})?) ?(keV|kVp?|mm|%|ms|HU)(?!\w)", re.IGNORECASE)


@dataclass(frozen=True)
class SeriesInfo:
    """One CT series of an input, or one phase or part of a series that holds several volumes."""

    number: int  # from 1; the argument of `liverseg.read(..., series=number)`
    series_number: int | None  # SeriesNumber, given by the scanner
    part: str  # "phase 2 of 3" or "volume 1 of 2, 40 keV" if the series holds several volumes, else ""
    shape: tuple[int, int, int]  # slices, rows, columns as stored
    spacing_mm: tuple[float | None, float, float] | None  # between slices, rows, columns as stored
    thickness_mm: float | None
    plane: str  # "axial" | "coronal" | "sagittal" | "unknown"
    kernel: str | None  # the convolution kernel if it is a known name
    contrast: bool  # whether a contrast agent is recorded
    refusal: str | None = None  # the reason why it cannot be read
    modality: str = "CT"
    doubt: str | None = None  # a file cannot be read that may belong to it

    def label(self) -> str:
        """The series in one line, without its number.

        >>> SeriesInfo(1, 4, "", (119, 512, 512), (5, 0.7, 0.7), 5, "axial", "B30f", True).label()
        '119 axial slices, 512 × 512 of 0.7 × 0.7 mm, every 5 mm, kernel B30f, contrast, series number 4'
        """
        slices, rows, columns = self.shape
        plane = "" if self.plane == "unknown" else f"{self.plane} "
        facts = [f"{slices} {plane}{'slice' if slices == 1 else 'slices'}", f"{columns} × {rows}"]
        if not rows:  # nothing is known of the slices
            facts = ["1 file" if slices == 1 else f"{slices} files"]
        if self.spacing_mm is not None:
            between, row, column = self.spacing_mm
            facts[-1] += f" of {column:.3g} × {row:.3g} mm"
            if between is not None and slices > 1:
                facts.append(f"every {between:.3g} mm")
            if self.thickness_mm and (slices == 1 or abs(self.thickness_mm - (between or 0)) > 0.01):
                facts.append(f"{self.thickness_mm:.3g} mm thick")
        facts += [f"kernel {self.kernel}"] * (self.kernel is not None) + ["contrast"] * self.contrast
        facts += [f"series number {self.series_number}"] * (self.series_number is not None)
        facts += [self.part] * bool(self.part)
        return ", ".join(facts)

    def line(self) -> str:
        """The series in one line, with its number and, if it cannot be read completely, the reason."""
        if self.refusal is not None:
            return f"{self.number}: {self.label()} (cannot be read: {self.refusal.rstrip('.')})"
        doubt = "" if self.doubt is None else f" ({self.doubt.rstrip('.')})"
        return f"{self.number}: {self.label()}{doubt}"


def measure_in(text: str) -> str:
    """The first number with a unit in a text, such as an energy; "" if there is none.

    It says more than "volume 1 of 2", and identifies nobody.

    >>> measure_in("MonoE 40 keV"), measure_in("Abdomen 1,5MM"), measure_in("DOE^JANE 1957")
    ('40 keV', '1.5 mm', '')
    """
    found = _MEASURE.search(text)
    if found is None:
        return ""
    number, unit = found[1].replace(",", "."), found[2].lower()
    return f"{number} {_UNITS[unit]}"


_UNITS = {unit.lower(): unit for unit in ("keV", "kV", "kVp", "mm", "%", "ms", "HU")}


def known_kernel(text: object) -> str | None:
    r"""A ConvolutionKernel if it is a vendor's name, else None: any other text could identify the patient.

    >>> known_kernel("B30f"), known_kernel("STANDARD"), known_kernel("FC08"), known_kernel("Jane Doe")
    ('B30f', 'STANDARD', 'FC08', None)
    """
    if text is not None and not isinstance(text, str):
        text = "\\".join(str(part) for part in text)
    text = (text or "").strip()
    return text if _KERNELS.fullmatch(text) else None
