"""Which output formats an image can have, and in one sentence why it cannot have another.

The command line, the page and the endpoints all take the reasons from `reason_against`. A format that the
kind of input cannot have is refused before the network runs. One that DICOM files cannot have because they
lack something, such as an identifier, is left out, and the others are written.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from liverseg.core.image import CTImage
from liverseg.errors import InvalidSetting
from liverseg.io import FORMATS
from liverseg.io.dicom.references import missing_thickness, unreferable
from liverseg.rendering.mesh import unmeshable

TITLES = {
    "nifti": "NIfTI",
    "png": "PNG",
    "seg": "DICOM SEG",
    "rtstruct": "DICOM RTSTRUCT",
    "sr": "DICOM SR",
    "sc": "DICOM secondary capture",
    "glb": "3D surface (GLB)",
    "csv": "CSV",
    "pdf": "PDF",
    "json": "JSON",
}
"""The name of each format in sentences, in the order of lists."""

_VOLUME_FORMATS = {"nifti", "seg", "rtstruct"}
DICOM_FORMATS = ("seg", "rtstruct", "sr", "sc")
"""Formats that refer to the slices of DICOM input."""


def default_formats(ct: CTImage) -> tuple[str, ...]:
    """NIfTI for a volume file (NIfTI, NRRD, MetaImage) and every volume, otherwise PNG; with CSV and JSON.

    A picture has no spacing for NIfTI to keep, and a single DICOM slice is usually viewed as a picture.
    """
    grid = "nifti" if ct.has_file_axes or ct.kind == "volume" else "png"
    return (grid, "csv", "json")


def reason_against(ct: CTImage, name: str, slice_index: int | None = None) -> str | None:
    """Why a format of `FORMATS` cannot be written for an image, as one sentence; None where it can.

    `slice_index` is the only slice that was segmented, from 0; None: all slices.
    """
    reason = _reason(ct, name, slice_index)
    return f"{TITLES[name]}: {reason}." if reason else None


def check_formats(
    ct: CTImage, formats: Iterable[str] | None, slice_index: int | None = None
) -> tuple[str, ...]:
    """The formats to write; None stands for `default_formats`.

    Formats that DICOM files cannot have because they lack something are left out (`left_out_sentences`),
    unless nothing else is asked for. Raises `InvalidSetting` for an unknown format, and where
    `reason_against` has a reason against another one. PNG of a volume is refused only if no other format
    holds the labels.
    """
    chosen = tuple(default_formats(ct) if formats is None else formats)
    unknown = [name for name in chosen if name not in FORMATS]
    if unknown:
        raise InvalidSetting(f"The format {unknown[0]!r} is not known: choose among {', '.join(FORMATS)}.")
    possible = {"png"} if _VOLUME_FORMATS & set(chosen) else set()
    reasons = {name: _reason(ct, name, slice_index) for name in chosen if name not in possible}
    refused = [name for name, reason in reasons.items() if reason]
    if refused and (len(refused) == len(chosen) or not all(_is_lack(ct, name) for name in refused)):
        first = refused[0]
        remedy = "ask for nifti, or name one slice" if first == "png" else f"leave out {_listed(refused)}"
        raise InvalidSetting(f"{TITLES[first]}: {reasons[first]}; {remedy}.")
    return tuple(name for name in chosen if name not in refused)


def left_out_sentences(
    ct: CTImage, formats: Iterable[str] | None, slice_index: int | None = None
) -> tuple[str, ...]:
    """Why `check_formats` leaves out formats, one sentence for each reason; () where all are written."""
    titles: dict[str, list[str]] = {}
    for name in dict.fromkeys(formats or ()):
        reason = _reason(ct, name, slice_index)
        if reason and _is_lack(ct, name):
            titles.setdefault(reason, []).append(TITLES[name])
    return tuple(
        f"{_in_words(names)} cannot be written: {reason}; the other results are written."
        for reason, names in titles.items()
    )


def _is_lack(ct: CTImage, name: str) -> bool:
    """Whether it is for what the files lack, and not for their kind, that a format may be impossible."""
    return name in DICOM_FORMATS and ct.source_format == "dicom"


def _reason(ct: CTImage, name: str, slice_index: int | None) -> str:
    if name in DICOM_FORMATS:
        reason = unreferable(ct)
        return missing_thickness(ct.source) if name == "seg" and not reason else reason
    if name == "glb":
        return unmeshable(ct, slice_index)
    if name == "png" and len(ct.hu) > 1 and slice_index is None:
        return "a picture holds one slice, and the input is a volume"
    return ""


def _listed(names: Sequence[str]) -> str:
    """The names as a list in words.

    >>> _listed(["seg"]), _listed(["seg", "rtstruct", "glb"])
    ('the format seg', 'the formats seg, rtstruct and glb')
    """
    return f"the format{'s' if len(names) > 1 else ''} {_in_words(names)}"


def _in_words(names: Sequence[str]) -> str:
    return " and ".join(part for part in (", ".join(names[:-1]), names[-1]) if part)
