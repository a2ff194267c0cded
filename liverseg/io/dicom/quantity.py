"""What the values of a CT image stand for: HU, HU that are not those of an ordinary CT, or no HU.

The terms are those of ImageType and FrameType (PS3.3 C.8.2.1.1.1, C.8.16.1) and of RescaleType (C.11.1.1.2).
They are the same in a CT Image and in the functional groups of an Enhanced CT.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

import pydicom

from liverseg.errors import NotCT
from liverseg.io.dicom.elements import float_values, text_of

_NOT_HU_UNITS = {
    "MGML", "MGIML", "MGCC", "MGCM3", "ZEFF", "Z", "ED", "EDW", "RHO", "RHOE", "PCT", "OD", "SUV", "BQML",
    "GML", "CNTS", "KEV", "MM", "GY",
}  # fmt: skip
_HU_UNITS = {"", "HU", "HOUNSFIELD", "HOUNSFIELDUNIT", "HOUNSFIELDUNITS"}
_MODIFIED_HU_UNITS = {"HUMOD"}
_MAPS = {
    "MATSPECIFIC", "MATFRACTIONAL", "MATVALUEBASED", "EFFATOMICNUM", "ELECTRONDENSITY",
    "IODINEDENSITY", "IODINENOWATER", "IODINEMAP", "MATERIALDENSITY", "ZEFFECTIVE", "ZEFF",  # of vendors
}  # fmt: skip
_ARITHMETIC = {"SUBTRACTION", "DIVISION", "MULTIPLICATION", "STDDEVIATION", "QUANTITY"}
_MODIFIED = {"MATREMOVED", "MATMODIFIED"}
_MONOENERGETIC = "VMI"
_ENERGY_IN_TEXT = re.compile(r"(?<![\d.,])(\d{2,3})\s*keV\b", re.IGNORECASE)
_DESCRIBING_SEQUENCES = (
    "PixelValueTransformationSequence", "CTImageFrameTypeSequence", "MultienergyCTCharacteristicsSequence",
    "ModalityLUTSequence",
)  # fmt: skip


@dataclass(frozen=True)
class Quantity:
    """What a file says about the values of one frame."""

    image_type: tuple[str, ...] = ()  # ImageType or FrameType
    unit: str = ""  # RescaleType, or ModalityLUTType where a Modality LUT gives the values
    energy_kev: float | None = None  # of a virtual mono-energetic image


def quantity_of(*datasets: pydicom.Dataset) -> Quantity:
    """What the values of an image or frame stand for.

    `datasets` are the image, or the groups of a frame, the shared groups and the image: the first of them
    that has an element, itself or in a describing sequence, counts.
    """
    items: list[pydicom.Dataset] = []
    for dataset in datasets:
        sequences = [dataset.get(keyword) for keyword in _DESCRIBING_SEQUENCES]
        items += [*(sequence[0] for sequence in sequences if sequence), dataset]
    energies = [float_values(item, "MonoenergeticEnergyEquivalent", 1) for item in items]
    described = energy_in_text(" ".join(text_of([item], "SeriesDescription") for item in items))
    return Quantity(
        image_type=tuple((text_of(items, "FrameType") or text_of(items, "ImageType")).split("\\")),
        unit=text_of(items, "ModalityLUTType") or text_of(items, "RescaleType"),
        energy_kev=next((energy[0] for energy in energies if energy), described),
    )


def refuse_unless_hu(quantity: Quantity) -> None:
    """Raise NotCT for a localizer, and for values that are no HU.

    >>> refuse_unless_hu(Quantity(("ORIGINAL", "PRIMARY", "AXIAL"), "HU"))
    """
    terms = {_normalised(term) for term in quantity.image_type}
    if "LOCALIZER" in terms:
        raise NotCT("This is a localizer (scout) image; liverseg reads axial CT slices.")
    if _normalised(quantity.unit) in _NOT_HU_UNITS or terms & _MAPS:
        raise NotCT("The values of this DICOM image are a material or density map, not HU.")
    if terms & _ARITHMETIC:
        raise NotCT("The values of this DICOM image are computed from several images, and are not HU.")


def quantity_warnings(quantity: Quantity) -> tuple[str, ...]:
    """Warnings about HU that differ from those of an ordinary CT, and about another or an unnamed unit."""
    terms = {_normalised(term) for term in quantity.image_type}
    unit = _normalised(quantity.unit)
    warnings = []
    if terms & _MODIFIED or unit in _MODIFIED_HU_UNITS:
        warnings.append(
            "A material was removed from this image or changed in it by computation (dual energy): its HU "
            "are not those of an ordinary CT."
        )
    elif _MONOENERGETIC in terms or quantity.energy_kev is not None:
        energy = "" if quantity.energy_kev is None else f" of {quantity.energy_kev:g} keV"
        warnings.append(
            f"This is a virtual mono-energetic image{energy}: its HU, above all those of contrast agent and "
            "bone, differ from those of an ordinary CT."
        )
    if unit not in _HU_UNITS | _MODIFIED_HU_UNITS:
        warnings.append(
            "The DICOM file does not say that its values are HU (by its RescaleType): they were taken as HU."
        )
    return tuple(warnings)


def energy_in_text(text: str) -> float | None:
    """The photon energy in keV that a description names; None for none.

    >>> energy_in_text("MonoE 40 keV"), energy_in_text("Abdomen 120 kV"), energy_in_text("DE_70keV (1.0)")
    (40.0, None, 70.0)
    """
    found = _ENERGY_IN_TEXT.search(text)
    return float(found[1]) if found else None


def _normalised(term: str) -> str:
    """A term in capitals, with letters and digits only: writers spell `Z_EFF` and `mg/ml` in several ways."""
    return re.sub(r"[^A-Z0-9]", "", term.upper())
