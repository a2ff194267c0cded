"""Messages of the plausibility checks: what is wrong, and what the reader should do (pure)."""

from __future__ import annotations

from dataclasses import dataclass

DO_NOT_TRUST, CHECK = "do not trust", "check"

DOUBT_SENTENCES = {
    "not_ct": "This does not look like a CT slice of the abdomen. It may be a photograph, an MR image or "
    "an inverted picture. Use CT, as DICOM or NIfTI if possible.",
    "window": "The grey values do not match the assumed window. State the window with which the picture "
    "was made, or use DICOM or NIfTI.",
    "not_hu": "The values do not look like Hounsfield units. The file may have been converted, rescaled "
    "or stored with an offset. Use the original file.",
    "turned": "The slice seems to be rotated, upside down or not axial. Use axial slices with the spine "
    "at the bottom.",
    "mirrored": "The slice seems to be mirrored. The liver should be on the left of the picture, which "
    "is the patient's right. If it is not, flip the picture.",
    "elsewhere": "This looks like a part of the body with little or no liver. Compare the outlines with "
    "the slice before you use any number.",
    "cut": "The picture seems to be cropped. Use the original slice with the whole body.",
    "no liver": "No liver was found. Use a slice that shows the liver. If this slice shows it, liverseg "
    "is not suited to this input.",
    "no liver in volume": "No liver was found in any slice. Use a scan of the abdomen. If this scan "
    "shows the liver, liverseg is not suited to this input.",
    "edge": "The liver reaches the edge of the picture. Parts outside the picture are not measured. Use "
    "the whole slice.",
    "confidence": "The network is not sure of the liver (mean probability {confidence:.2f}). Compare its "
    "outline with the slice before you use any number.",
    "pixels": "The pixels are {pixels} mm, outside the supported {low:g} to {high:g} mm. Check every "
    "outline, or use the original slices.",
    "small": "The picture has {pixels} pixels, fewer than the training slices. Small tumours may be "
    "missed. Use the original slices.",
    "thickness": "The slices are {distance:.3g} mm apart, above the supported {limit:g} mm. Volumes and "
    "short lesions are not reliable. Use thinner slices if possible.",
    "one-slice lesion": "{lesions} {are} seen in one slice only. Compare with the slices above and below.",
    "gas lesion": "{lesions} {have} the density of air or gas. Check that it is not lung or bowel.",
    "fat lesion": "{lesions} {have} the density of fat. Check that it is not fat beside the liver.",
    "fat or gas lesion": "{lesions} {have} the density of fat or gas, which the grey values do not tell "
    "apart. Check that it is not fat, lung or bowel.",
    "bone lesion": "{lesions} {have} the density of bone or calcification. Check that it is not a rib or "
    "contrast medium.",
}  # fmt: skip
"""The sentences by reason. The reasons are values of `report.json` and classes of `ct_likeness`."""


@dataclass(frozen=True)
class Doubt:
    """One reason to distrust a result."""

    severity: str  # `DO_NOT_TRUST` or `CHECK`
    reason: str  # a key of `DOUBT_SENTENCES`
    sentence: str  # what is wrong and what to do

    @property
    def warning(self) -> str:
        """The sentence after its severity, as in the `warnings` of the report."""
        return f"{'Do not trust this result' if self.severity == DO_NOT_TRUST else 'Check'}: {self.sentence}"


def make_doubt(severity: str, reason: str, **values: object) -> Doubt:
    """A doubt with the sentence of `reason`, whose placeholders are filled from `values`.

    >>> make_doubt(CHECK, "confidence", confidence=0.512).warning[:69]
    'Check: The network is not sure of the liver (mean probability 0.51). '
    """
    return Doubt(severity, reason, DOUBT_SENTENCES[reason].format(**values))
