"""Every doubt in words: what it is, and what to do (pure)."""

from __future__ import annotations

from dataclasses import dataclass

DO_NOT_TRUST, CHECK = "do not trust", "check"

SENTENCES = {
    "not_ct": "This does not look like a CT slice of the abdomen but like another kind of picture (a "
    "photograph, MR, inverted grey): use CT, as DICOM or NIfTI if you can.",
    "window": "The grey is not that of the window which was assumed: say which window the picture was made "
    "with, or use DICOM or NIfTI.",
    "not_hu": "The values do not look like Hounsfield units: the file may have been converted, scaled or "
    "stored with an offset; use the original.",
    "turned": "The slice seems to be turned, upside down, or cut in another plane than the axial one: use "
    "axial slices with the spine at the bottom.",
    "mirrored": "The slice seems to be mirrored: the liver belongs on the left of the picture, which is the "
    "patient's right; flip it if it does not lie there.",
    "elsewhere": "This looks like a part of the body that shows little liver or none: compare what is marked "
    "with the slice before you use a number.",
    "cut": "The picture seems to be cut: use the slice as the scanner made it, with the whole body.",
    "no liver": "No liver was found: use a slice that shows it; where this one does, the input is not what "
    "liverseg expects.",
    "no liver in volume": "No liver was found in any slice: use a scan of the abdomen.",
    "edge": "The liver reaches the edge of the picture: what was cut off is in no number; use "
    "the whole slice.",
    "confidence": "The network is hardly sure of the liver (mean probability {sure:.2f}): compare its "
    "outline with the slice before you use a number.",
    "pixels": "The pixels are {pixels} mm, outside the {low:g} to {high:g} mm of the training scans: look "
    "at every edge, or use the original slices.",
    "small": "The picture has {pixels} pixels, fewer than the training slices: small tumours are lost; use "
    "the original slices.",
    "thickness": "The slices are {thick:.3g} mm apart, more than the {thickest:g} mm of the training scans: "
    "volumes and short lesions are not reliable; use thinner slices if there are any.",
}  # fmt: skip
"""By reason."""


@dataclass(frozen=True)
class Doubt:
    """One reason not to believe a result, or not without looking."""

    severity: str  # `DO_NOT_TRUST` or `CHECK`
    reason: str  # in a word, for programs
    sentence: str  # what it is and what to do

    @property
    def warning(self) -> str:
        """The sentence behind its severity, as the report's `warnings` have it."""
        return f"{'Do not trust this result' if self.severity == DO_NOT_TRUST else 'Check'}: {self.sentence}"


def doubt(severity: str, reason: str, **facts: object) -> Doubt:
    """A doubt in its words.

    >>> doubt(CHECK, "confidence", sure=0.512).warning[:61]
    'Check: The network is hardly sure of the liver (mean probabil'
    """
    return Doubt(severity, reason, SENTENCES[reason].format(**facts))
