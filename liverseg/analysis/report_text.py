"""Measures as text for the page, the PDF and the command line: numbers, units, sizes, provenance (pure)."""

from __future__ import annotations

from collections.abc import Sequence

from liverseg.analysis.lesions import Lesion
from liverseg.analysis.report import Amount, Report
from liverseg.core.labels_file import NO_CHECKPOINT_REF, LabelsFile
from liverseg.core.lesion_model import OperatingPoint
from liverseg.core.segmentation import Segmentation

NOT_MEASURED = "–"
"""Shown in place of a value that is None."""

ORIENTATION_ASSUMED = "assumed: the file does not say how the image lies in the patient"


_PLAIN = str.maketrans({"\u202f": " ", "\u00a0": " ", "×": "x", "²": "2", "–": "-", "…": "..."})


def ascii_text(text: str) -> str:
    """A text for readers and fonts that have ASCII only.

    >>> ascii_text("1\u202f166 mm², 30 × 24 – é")
    '1 166 mm2, 30 x 24 - ?'
    """
    return text.translate(_PLAIN).encode("ascii", "replace").decode()


def number_text(value: float) -> str:
    """A measure with three significant digits and at most three decimals.

    Counts and values from 100 on have no decimals. U+202F, a narrow no-break space, separates thousands.

    >>> [number_text(value) for value in (0.12345, 12.345, 99.96, 1234.6, 0.0, 0.0004, 7)]
    ['0.123', '12.3', '100', '1\\u202f235', '0', '< 0.001', '7']
    """
    if 0 < value < 0.0005:
        return "< 0.001"
    rounded = abs(float(f"{value:.3g}"))
    whole = isinstance(value, int) or rounded == 0 or rounded >= 100
    decimals = 0 if whole else 1 if rounded >= 10 else 2 if rounded >= 1 else 3
    return f"{value:,.{decimals}f}".replace(",", "\u202f")


def share_text(value: float | None) -> str:
    """A share from 0 to 1 in per cent.

    >>> [share_text(value) for value in (0.0456, 0.0001, 0.0, None)]
    ['4.6 %', '< 0.1 %', '0.0 %', '–']
    """
    if value is not None and 0 < value < 0.0005:
        return "< 0.1 %"
    return NOT_MEASURED if value is None else f"{100 * value:.1f} %"


def dice_text(value: float | None) -> str:
    """A Dice coefficient with three decimals.

    >>> dice_text(0.9449), dice_text(None)
    ('0.945', '–')
    """
    return NOT_MEASURED if value is None else f"{value:.3f}"


def threshold_text(value: float) -> str:
    """A tumour threshold or a lesion cut with two decimals, or with three where it has three.

    >>> [threshold_text(value) for value in (0.4, 0.122)]
    ['0.40', '0.122']
    """
    return f"{value:.2f}" if abs(value - round(value, 2)) < 1e-9 else f"{value:.3f}"


def size_and_unit(size: Amount) -> tuple[str, str]:
    """The number and the unit of a size: mm² or mL, or pixels or voxels where the spacing is unknown.

    >>> [size_and_unit(size) for size in (Amount("volume", 3, volume_ml=0.0021), Amount("slice", 1))]
    [('0.002', 'mL'), ('1', 'pixel')]
    """
    if size.kind == "volume":
        measured, unit, count_unit = size.volume_ml, "mL", "voxels"
    else:
        measured, unit, count_unit = size.area_mm2, "mm²", "pixels"
    if measured is None:
        return number_text(size.count), count_unit if size.count != 1 else count_unit[:-1]
    return number_text(measured), unit


def size_text(size: Amount) -> str:
    """A size with its unit in one string.

    >>> size_text(Amount("volume", 3)), size_text(Amount("volume", 800, volume_ml=12.34))
    ('3 voxels', '12.3 mL')
    """
    return " ".join(size_and_unit(size))


def count_text(count: int, noun: str = "lesion") -> str:
    """A number of things, with an s for all numbers but 1.

    >>> count_text(1), count_text(12)
    ('1 lesion', '12 lesions')
    """
    return f"{number_text(count)} {noun}" + ("" if count == 1 else "s")


def number_list(numbers: Sequence[int], most: int) -> str:
    """Numbers in words; more than `most` are named in part.

    >>> number_list([3], 9), number_list([1, 2, 5], 9), number_list([1, 2, 5, 8], 2)
    ('3', '1, 2 and 5', '1, 2 and 2 more')
    """
    names = [str(number) for number in numbers]
    if len(names) > most:
        names = [*names[:most], f"{len(names) - most} more"]
    return names[0] if len(names) == 1 else f"{', '.join(names[:-1])} and {names[-1]}"


def lesion_headline(report: Report) -> str:
    """The number and size of the likely lesions, and of the unsure and the rejected ones, if any.

    Two likely lesions and ten unsure ones: "2 lesions, 101 mL; 10 unsure, 1.20 mL".
    """
    likely = len(report.likely_lesions)
    first = f"{count_text(likely)}, {size_text(report.tumour)}" if likely else "no likely lesion"
    return "; ".join(part for part in (first, unsure_text(report), rejected_text(report)) if part)


def unsure_text(report: Report) -> str:
    """The number and size of the unsure lesions, as "10 unsure, 1.20 mL"; empty if there are none."""
    decision = report.decision
    if decision is None or not decision.unsure:
        return ""
    return f"{number_text(decision.unsure)} unsure, {size_text(decision.unsure_size)}"


def rejected_text(report: Report) -> str:
    """The number and size of the rejected lesions, as "2 rejected, 3.40 mL"; empty if there are none."""
    edited = report.edited
    if edited is None or not edited.rejected:
        return ""
    return f"{number_text(len(edited.rejected))} rejected, {size_text(edited.size)}"


def edited_text(numbers: Sequence[int]) -> str:
    """Says that a result is edited, given the numbers of the rejected lesions; empty if there are none.

    >>> edited_text([]), edited_text([4]), edited_text([1, 4])
    ('', 'edited by the user: 1 lesion rejected', 'edited by the user: 2 lesions rejected')
    """
    return f"edited by the user: {count_text(len(numbers))} rejected" if numbers else ""


def origin_text(seg: Segmentation) -> str:
    """What a reader of a file must know about its labels: that they come from a file, or were edited.

    Empty for the labels of a network as they are.
    """
    origin = "" if seg.labels_file is None else NO_CHECKPOINT_REF
    by_hand = "" if seg.hand_edits is None else "edited by hand"
    return "; ".join(part for part in (origin, by_hand, edited_text(seg.rejected)) if part)


def operating_point_sentence(point: OperatingPoint | None) -> str:
    """What a lesion cut gave in cross-validation; None: it was not measured.

    >>> operating_point_sentence(OperatingPoint(0.5, 0.551, 0.61, 0.83))
    'In cross-validation this setting found 55 % of the lesions, with 0.8 false ones per scan.'
    """
    if point is None:
        return "What this setting finds was not measured in cross-validation."
    return (
        f"In cross-validation this setting found {100 * point.recall:.0f} % of the lesions, with "
        f"{point.false_per_scan:.1f} false ones per scan."
    )


def lesion_size_and_unit(lesion: Lesion, is_volume: bool) -> tuple[str, str]:
    """The number and the unit of a lesion's size."""
    return size_and_unit(
        Amount("volume" if is_volume else "slice", lesion.count, lesion.area_mm2, lesion.volume_ml)
    )


def slice_range_text(lesion: Lesion) -> str:
    """The first and last slice of a lesion, counted from 1 as in the pictures."""
    first, last = (index + 1 for index in lesion.slice_range)
    return f"{first}" if first == last else f"{first}–{last}"


_FORMAT_TITLES = {"nifti": "NIfTI", "metaimage": "MetaImage", "webp": "WebP"}
"""Formats of the input that are not written in capitals."""


def provenance_rows(report: Report, sha_digits: int = 12) -> list[tuple[str, str]]:
    """Names and values of the input, the weights, the settings and the engine behind a report."""
    measured, checkpoint = report.input, report.checkpoint
    cut = None if report.decision is None else report.decision.cut
    slices, height, width = measured.shape
    is_volume = measured.kind == "volume"
    shape = f"{slices} × {height} × {width} voxels" if is_volume else f"{height} × {width} pixels"
    spacing = "unknown"
    if measured.spacing_mm is not None:
        steps = measured.spacing_mm if is_volume else measured.spacing_mm[1:]
        spacing = " × ".join(f"{step:.3g}" for step in steps) + f" mm ({measured.spacing_source})"
    file_format = _FORMAT_TITLES.get(measured.source_format, measured.source_format.upper())
    commit = f" at {checkpoint.revision[:12]}" if checkpoint.revision else ""
    sha256 = checkpoint.sha256[:sha_digits] + ("…" if sha_digits < len(checkpoint.sha256) else "")
    return [
        ("Input", f"{file_format}, {shape}"),
        ("Spacing", spacing),
        *([] if measured.orientation_known else [("Orientation", ORIENTATION_ASSUMED)]),
        *(
            labels_file_rows(report.labels_file, sha_digits)
            if report.labels_file is not None
            else [
                ("Checkpoint", checkpoint.ref),
                ("Weights", f"sha256 {sha256} from {checkpoint.registry}{commit}"),
                *([("Slices run", slices_run(report))] if is_volume else []),
                ("Threshold", threshold_text(report.tumour_threshold)),
                *([] if cut is None else [("Lesion cut", threshold_text(cut))]),
                ("Engine", report.engine),
            ]
        ),
        *([] if report.edited is None else [("Edited", _edited_row(report))]),
    ]


def labels_file_rows(source: LabelsFile, sha_digits: int = 12) -> list[tuple[str, str]]:
    """Names and values of the labels file behind a report.

    >>> labels_file_rows(LabelsFile("nrrd", "ab" * 32, (1,), (2, 5), 3))[0]
    ('Labels', 'from a file (NRRD), not from a network: liver 1, tumour 2 + 5; 3 labels left out')
    """
    liver, tumour = (" + ".join(map(str, values)) or "none" for values in (source.liver, source.tumour))
    left_out = f"; {count_text(source.left_out, 'label')} left out" if source.left_out else ""
    title = _FORMAT_TITLES.get(source.format, source.format.upper())
    rows = [
        ("Labels", f"from a file ({title}), not from a network: liver {liver}, tumour {tumour}{left_out}")
    ]
    sha256 = source.sha256 or ""
    if sha256:
        rows.append(("Labels file", f"sha256 {sha256[:sha_digits]}" + ("…" if sha_digits < 64 else "")))
    return rows


def hand_edits_text(report: Report) -> str:
    """What was changed by hand, as "1,234 voxels changed by hand"; empty if nothing is known."""
    edited = report.edited
    if edited is None or edited.by_hand is None:
        return ""
    unit = "voxel" if report.input.kind == "volume" else "pixel"
    return f"{count_text(edited.by_hand.changed, unit)} changed by hand"


def _edited_row(report: Report) -> str:
    """The provenance of an edited result."""
    assert report.edited is not None
    if by_hand := hand_edits_text(report):
        return ", ".join(part for part in (by_hand, rejected_text(report)) if part)
    return edited_text(report.edited.rejected) or "by the user: no lesion rejected at this threshold"


def slices_run(report: Report) -> str:
    """The number of slices that the network ran on, and why it skipped the others.

    A volume of 200 slices of which 60 are skipped: "140 of 200: the others cannot show this liver".
    """
    skipped = sum(last - first + 1 for first, last in report.skipped_slices)
    total = report.input.shape[0]
    return f"{total - skipped} of {total}" + (": the others cannot show this liver" if skipped else "")
