"""The elements of DICOM that tell the volumes of one series apart."""

from __future__ import annotations

TRAIT_KEYWORDS = (
    "AcquisitionNumber", "TemporalPositionIdentifier", "TemporalPositionIndex",
    "FrameAcquisitionNumber", "NominalPercentageOfCardiacPhase", "ConvolutionKernel", "ImageType",
    "FrameType", "KVP", "ContrastBolusAgent", "StackID", "StudyInstanceUID", "SeriesNumber",
    "MonoenergeticEnergyEquivalent", "FilterType", "ReconstructionDiameter", "DataCollectionDiameter",
    "SeriesDescription",
    "ProtocolName", "DerivationDescription", "ImageComments", "ReconstructionAlgorithm",
    "ReconstructionTargetCenterPatient", "ScanOptions", "FrameOfReferenceUID", "AcquisitionUID",
    "IrradiationEventUID", "SeriesDate", "AcquisitionDate", "ContrastBolusRoute", "ContrastBolusVolume",
    "FocalSpots", "SpiralPitchFactor", "TableSpeed", "SingleCollimationWidth", "TotalCollimationWidth",
    "GantryDetectorTilt", "PatientPosition", "BodyPartExamined", "Manufacturer",
    "ManufacturerModelName", "DeviceSerialNumber", "SoftwareVersions", "LossyImageCompression",
)  # fmt: skip
"""Elements whose values may distinguish the volumes within one series, the most reliable first."""

VARYING_KEYWORDS = (
    "SliceThickness", "XRayTubeCurrent", "ExposureTime", "Exposure", "TableHeight", "WindowCenter",
    "WindowWidth", "RescaleIntercept", "RescaleSlope", "RescaleType", "BitsStored",
    "PixelRepresentation", "ContentDate", "InstanceCreationDate",
)  # fmt: skip
"""Elements that may distinguish volumes too, but may also differ from slice to slice of one volume."""

FREE_TEXT_KEYWORDS = (
    "SeriesDescription", "ProtocolName", "DerivationDescription", "ImageComments", "DeviceSerialNumber",
)  # fmt: skip
"""Those of `TRAIT_KEYWORDS` that may hold any text."""

TIME_KEYWORDS = (
    "TriggerTime", "AcquisitionDateTime", "FrameAcquisitionDateTime", "AcquisitionTime", "ContentTime",
    "SeriesTime", "InstanceCreationTime", "InstanceNumber",
)  # fmt: skip
"""Elements whose order in time may distinguish the volumes within one series, the most reliable first.

InstanceNumber is not a time, but scanners count the images of one volume after those of the other.
"""
