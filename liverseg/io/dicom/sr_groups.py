"""The measurement groups of a structured report (TID 1411 and 1501): liver, tumour and each lesion.

All codes are those of SNOMED CT, DICOM and UCUM that pydicom's dictionaries hold.
"""

from __future__ import annotations

from dataclasses import dataclass

import highdicom.sr as hd
from pydicom.sr.codedict import codes
from pydicom.sr.coding import Code
from pydicom.uid import generate_uid

from liverseg.analysis.lesions import Lesion
from liverseg.analysis.report import Amount, Report
from liverseg.core.image import SliceReference
from liverseg.io.dicom.sr_regions import Region

_SCT, _DCM, _UCUM = codes.SCT, codes.DCM, codes.UCUM

Group = hd.VolumetricROIMeasurementsAndQualitativeEvaluations | hd.MeasurementsAndQualitativeEvaluations


@dataclass(frozen=True)
class _State:
    """What is said of a lesion: a code of CID 240 for whether it is there, and the words."""

    presence: Code
    words: str


_LIKELY = _State(_SCT.Present, "likely")
_UNSURE = _State(_SCT.Undetermined, "unsure: labelled liver, not counted as tumour")
_REJECTED = _State(_SCT.Absent, "rejected by the user: labelled liver, not counted as tumour")


@dataclass(frozen=True)
class Groups:
    """Makes the groups of one report: what all of them share."""

    report: Report
    slices: tuple[SliceReference, ...]
    algorithm: hd.AlgorithmIdentification  # with its parameters, for liver and tumour
    short_algorithm: hd.AlgorithmIdentification  # name and version, for lesions: there may be many

    def liver(self, region: Region) -> Group:
        """The liver without its tumours."""
        measured = [_size(self.report.liver)]
        kind = (_SCT.AnatomicalStructure, _SCT.Liver)
        return self._group("Liver without its tumours", self._uid("liver"), region, kind, measured)

    def tumour(self, region: Region) -> Group:
        """All likely lesions together, and their share of the liver, in per cent."""
        measured = [_size(self.report.tumour)]
        share = self.report.tumour_share_of_liver
        if share is not None:
            measured.append(_measurement(_DCM.VolumeRatio, 100 * share, _UCUM.Percent))
        kind = (_SCT.MorphologicallyAbnormalStructure, _SCT.Neoplasm)
        return self._group("Tumours of the liver", self._uid("tumour"), region, kind, measured)

    def lesion(self, lesion: Lesion, region: Region) -> Group:
        """One lesion, with its state in a code and in words."""
        state = _REJECTED if lesion.rejected else _LIKELY if lesion.likely else _UNSURE
        kind = self.report.input.kind
        measured = [_size(Amount(kind, lesion.count, lesion.area_mm2, lesion.volume_ml))]
        for name, length in (
            (_SCT.LongAxis, lesion.longest_diameter_mm),
            (_SCT.PerpendicularAxis, lesion.perpendicular_diameter_mm),
        ):
            if length is not None:
                measured.append(_measurement(name, length, _UCUM.Millimeter))
        mean_hu = _measurement(
            _DCM.AttenuationCoefficient, lesion.mean_hu, _UCUM.HounsfieldUnit, derivation=_SCT.Mean
        )
        measured.append(mean_hu)
        if lesion.lesion_probability is not None:
            certainty = 100 * lesion.lesion_probability
            measured.append(_measurement(_DCM.CertaintyOfFinding, certainty, _UCUM.Percent))
        place = (lesion.slice_range, [round(mm, 1) for mm in lesion.centroid_px], lesion.count)
        finding = _SCT.Neoplasm if lesion.likely else _SCT.Lesion
        group = self._group(
            f"Lesion {lesion.id}",
            self._uid(f"lesion {place}"),
            region,
            (_SCT.MorphologicallyAbnormalStructure, finding),
            measured,
            (hd.QualitativeEvaluation(_DCM.PresenceOfProperty, state.presence),),
        )
        group[0].ContentSequence.append(comment(state.words))
        return group

    def _uid(self, role: str) -> str:
        """A UID for tracking, the same for one structure of one series whatever else is edited."""
        first = self.slices[0]
        return generate_uid(entropy_srcs=["liverseg tracking", first.study_uid, first.series_uid, role])

    def _group(
        self,
        name: str,
        uid: str,
        region: Region,
        kind: tuple[Code, Code],
        measured: list[hd.Measurement],
        evaluations: tuple[hd.QualitativeEvaluation, ...] = (),
    ) -> Group:
        """A group of a category and a type of finding: of an ROI, or without one where no voxel is there."""
        shared = {
            "tracking_identifier": hd.TrackingIdentifier(uid, name),
            "finding_category": kind[0],
            "finding_type": kind[1],
            "finding_sites": [hd.FindingSite(_SCT.Liver)],
            "algorithm_id": self.short_algorithm if evaluations else self.algorithm,
            "measurements": measured,
            "qualitative_evaluations": evaluations or None,
        }
        if region.segment is None and not region.outlines:
            return hd.MeasurementsAndQualitativeEvaluations(**shared)
        return hd.VolumetricROIMeasurementsAndQualitativeEvaluations(
            **shared,
            referenced_segment=region.segment,
            referenced_regions=list(region.outlines) or None,
        )


def comment(text: str) -> hd.TextContentItem:
    """A text item, which the extensible templates of a report and its groups allow."""
    contains = hd.RelationshipTypeValues.CONTAINS
    return hd.TextContentItem(_DCM.Comment, text, contains)


def _size(amount: Amount) -> hd.Measurement:
    """A volume in cm³ (which CID 7462 has, and not mL) or an area in mm².

    DICOM results need a spacing, so one of them is known.
    """
    if amount.volume_ml is not None:
        return _measurement(_SCT.Volume, amount.volume_ml, _UCUM.CubicCentimeter)
    assert amount.area_mm2 is not None
    return _measurement(_SCT.Area, amount.area_mm2, _UCUM.SquareMillimeter)


def _measurement(name: Code, value: float, unit: Code, derivation: Code | None = None) -> hd.Measurement:
    return hd.Measurement(name, round(value, 3), unit, derivation=derivation)
