"""Encodes the report as a DICOM Structured Report (TID 1500, Measurement Report), with highdicom.

The class is Comprehensive SR: it holds everything that is needed, and more viewers read measurement reports
in it than in the later Comprehensive 3D SR (that of Orthanc reads no other).
"""

from __future__ import annotations

import hashlib

import highdicom.sr as hd
import pydicom
from pydicom.sr.codedict import codes
from pydicom.uid import ImplicitVRLittleEndian, SegmentationStorage, generate_uid

import liverseg
from liverseg.analysis.report import Report
from liverseg.analysis.report_text import ascii_text, origin_text, threshold_text
from liverseg.core.image import CTImage, SliceReference
from liverseg.core.segmentation import Segmentation
from liverseg.io.dicom.export_common import (
    MANUFACTURER,
    SERIES_NUMBERS,
    derived_uid,
    file_bytes,
    serial_number,
    series_description,
    set_anonymous_study,
    set_dates,
    software_versions,
)
from liverseg.io.dicom.references import referable_slices
from liverseg.io.dicom.seg import SegIdentity
from liverseg.io.dicom.sr_groups import Groups, comment
from liverseg.io.dicom.sr_regions import Region, label_regions, lesion_regions

NOTICE = "Research, unverified: not for clinical use"

MAX_LESIONS = 200
"""Only this many lesions, the first of the report's list, are written: more are noise, and each takes
highdicom tens of milliseconds. The document says so."""


def sr_bytes(ct: CTImage, seg: Segmentation, report: Report, written_seg: SegIdentity | None = None) -> bytes:
    """The measures of `report` as a DICOM file: liver, tumour and every listed lesion, each with its place.

    The place of liver and tumour is a segment of `written_seg`, the DICOM SEG of the same result that is
    written along, or without one the outlines on the images; that of a lesion is its outlines. The document
    is complete, preliminary and unverified; its observer is the program. Raises `InvalidSetting` as
    `liverseg.io.dicom.references.referable_slices` does.
    """
    slices = referable_slices(ct)
    short = _algorithm(report, short=True)
    whole = _algorithm(report) if seg.labels_file is None else short  # labels of a file have no parameters
    groups = Groups(report, slices, whole, short)
    liver, tumour = label_regions(ct, seg, written_seg)
    places = lesion_regions(ct, seg, MAX_LESIONS)
    measured = [groups.liver(liver), groups.tumour(tumour)]
    measured += [groups.lesion(one, places.get(one.id, Region())) for one in report.lesions[:MAX_LESIONS]]
    content = hd.MeasurementReport(
        observation_context=_observer(seg),
        procedure_reported=codes.cid100.CTUnspecifiedBodyRegion,
        imaging_measurements=measured,
        title=codes.DCM.ImagingMeasurementReport,
    )
    count = len(report.lesions)
    cut = f"only the first {MAX_LESIONS} of {count} lesions are listed" if count > MAX_LESIONS else ""
    sentences = "; ".join(part for part in (NOTICE, origin_text(seg), cut) if part)
    for sentence in (sentences, *(doubt.warning for doubt in report.doubts)):
        content[0].ContentSequence.append(comment(ascii_text(sentence)))

    # What the report says besides the labels, and what it refers to.
    facts = (report.liver, report.lesions, report.decision, written_seg)
    said = hashlib.sha256(repr(facts).encode()).hexdigest()
    written = hd.ComprehensiveSR(
        evidence=_evidence(slices, written_seg),
        content=content[0],
        series_instance_uid=derived_uid(f"SR series {said}", slices, seg),
        series_number=SERIES_NUMBERS["SR"],
        sop_instance_uid=derived_uid(f"SR {said}", slices, seg),
        instance_number=1,
        manufacturer=MANUFACTURER,
        is_complete=True,
        is_final=False,
        is_verified=False,
        # An outline may exceed 65,534 bytes, the limit of an FL element with explicit VR.
        transfer_syntax_uid=ImplicitVRLittleEndian,
    )
    written.SeriesDescription, written.ManufacturerModelName = series_description(seg), "liverseg"
    written.SoftwareVersions = software_versions(seg.checkpoint)
    written.DeviceSerialNumber = serial_number(seg.checkpoint)
    set_dates(written, ("ContentDate", "InstanceCreationDate", "SeriesDate"))
    del written.ContributingEquipmentSequence  # optional; set by highdicom
    return file_bytes(written)


def _algorithm(report: Report, short: bool = False) -> hd.AlgorithmIdentification:
    name, version = f"liverseg, {report.checkpoint.ref}", liverseg.__version__
    if short:
        return hd.AlgorithmIdentification(name, version)
    checkpoint, cut = report.checkpoint, None if report.decision is None else report.decision.cut
    parameters = [
        f"checkpoint {checkpoint.ref}, sha256 {checkpoint.sha256}",
        f"engine {report.engine}",
        f"tumour threshold {threshold_text(report.tumour_threshold)}",
        *([] if cut is None else [f"lesion cut {threshold_text(cut)}"]),
    ]
    family = codes.DCM.ArtificialIntelligence
    return hd.AlgorithmIdentification(name, version, parameters, family)


def _observer(seg: Segmentation) -> hd.ObservationContext:
    """The program with its weights, as a device."""
    identity = ["liverseg device", liverseg.__version__, seg.checkpoint.sha256]
    device = hd.DeviceObserverIdentifyingAttributes(
        uid=generate_uid(entropy_srcs=identity),
        name="liverseg",
        manufacturer_name=MANUFACTURER,
        model_name="liverseg",
        serial_number=serial_number(seg.checkpoint),
    )
    return hd.ObservationContext(hd.ObserverContext(codes.DCM.Device, device))


def _evidence(slices: tuple[SliceReference, ...], written_seg: SegIdentity | None) -> list[pydicom.Dataset]:
    """Minimal stand-ins for the images and the SEG, with only what highdicom copies or references."""
    objects = {one.sop_instance_uid: (one.sop_class_uid, one.series_uid) for one in slices}
    if written_seg is not None:
        objects[written_seg.sop_instance_uid] = (SegmentationStorage, written_seg.series_uid)
    evidence = []
    for uid, (sop_class, series) in objects.items():
        one = pydicom.Dataset()
        set_anonymous_study(one, slices)
        one.SOPClassUID, one.SOPInstanceUID, one.SeriesInstanceUID = sop_class, uid, series
        evidence.append(one)
    return evidence
