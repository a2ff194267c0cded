"""Writing of phantoms and their labels as PNG, NIfTI or DICOM files."""

from __future__ import annotations

import gzip
from pathlib import Path

import cv2
import nibabel
import numpy as np
from pydicom.dataset import Dataset, FileDataset, FileMetaDataset
from pydicom.uid import CTImageStorage, ExplicitVRLittleEndian, generate_uid

from liverseg.core.window import DEFAULT_WINDOW, to_grey
from liverseg.errors import InvalidSetting
from liverseg.phantom.generate import Phantom

SUFFIXES = {"png": (".png",), "nifti": (".nii.gz", ".nii"), "dicom": (".dcm",)}
"""File name suffixes of each format; the first is the default."""


def write(phantom: Phantom, out_path: str | Path, format: str = "png") -> list[Path]:
    """Write a phantom and its labels; returns the paths written, first of the CT and last of the labels.

    `out_path` is a file with a suffix of the format, or a folder, which is created if missing:

    - slice: the file itself, or ``ct.png``, ``ct.nii.gz`` or ``ct.dcm`` in the folder;
    - volume as nifti: the file itself, or ``ct.nii.gz`` in the folder;
    - volume as png or dicom: always a folder, with ``slice_000.png`` or ``ct/slice_000.dcm`` and so on
      (000 is the lowest slice).

    The labels are in the same folder: ``labels.png`` (values 0, 1, 2) for a slice as png or dicom,
    ``labels_000.png`` and so on for a volume as png, otherwise ``labels.nii.gz`` on the grid of the CT.
    PNGs are 8-bit in the window 40/400. Raises `InvalidSetting` for a path that does not match the format.
    """
    if format not in SUFFIXES:
        raise InvalidSetting(f'A phantom is written as "png", "nifti" or "dicom", not "{format}".')
    folder, file = _target(Path(out_path), phantom.kind, format)
    folder.mkdir(parents=True, exist_ok=True)
    if format == "nifti":
        return [_nifti(phantom, phantom.hu, file), _nifti(phantom, phantom.labels, folder / "labels.nii.gz")]
    if format == "dicom":
        if phantom.kind == "slice":
            return [_dicom(phantom, 0, file), _png(folder / "labels.png", phantom.labels[0])]
        (folder / "ct").mkdir(exist_ok=True)
        paths = [_dicom(phantom, s, folder / "ct" / f"slice_{s:03d}.dcm") for s in range(len(phantom.hu))]
        return [*paths, _nifti(phantom, phantom.labels, folder / "labels.nii.gz")]
    grey = to_grey(phantom.hu, DEFAULT_WINDOW)
    if phantom.kind == "slice":
        return [_png(file, grey[0]), _png(folder / "labels.png", phantom.labels[0])]
    return [_png(folder / f"slice_{s:03d}.png", grey[s]) for s in range(len(grey))] + [
        _png(folder / f"labels_{s:03d}.png", phantom.labels[s]) for s in range(len(grey))
    ]


def format_of(out_path: str | Path) -> str:
    """The format of a path's suffix; png for a folder.

    >>> format_of("ct.nii.gz"), format_of("ct.dcm"), format_of("folder")
    ('nifti', 'dicom', 'png')
    """
    name = Path(out_path).name.lower()
    return next((key for key, suffixes in SUFFIXES.items() if name.endswith(suffixes)), "png")


def ras_affine(phantom: Phantom) -> np.ndarray:
    """(4, 4) affine from (column, row, slice) of `Phantom.hu` to RAS mm.

    Columns run to the patient's left and rows to the back, so both are negative in RAS. The origin is the
    centre of the grid, as in the positions that `dicom_slice` writes.
    """
    between, row, column = phantom.spacing_mm
    slices, height, width = phantom.hu.shape
    affine = np.diag([-column, -row, between, 1.0])
    affine[:3, 3] = np.array([column * (width - 1), row * (height - 1), -between * (slices - 1)]) / 2
    return affine


def _target(out: Path, kind: str, format: str) -> tuple[Path, Path]:
    """The folder and the path of the CT for the output path `out`; checks that it matches the format."""
    every = [suffix for suffixes in SUFFIXES.values() for suffix in suffixes]
    named = next((suffix for suffix in every if out.name.lower().endswith(suffix)), None)
    if out.is_dir() or named is None:
        if out.exists() and not out.is_dir():
            raise InvalidSetting("The output path is an existing file that is neither PNG, NIfTI nor DICOM.")
        return out, out / f"ct{SUFFIXES[format][0]}"
    if named not in SUFFIXES[format]:
        raise InvalidSetting(f'A phantom written as "{format}" cannot be named "*{named}".')
    if kind == "volume" and format != "nifti":
        raise InvalidSetting(f'A volume written as "{format}" is a folder of slices; name a folder.')
    if out.name.lower() in ("labels.png", "labels.nii.gz"):
        raise InvalidSetting("That name is reserved for the labels; choose another one for the CT.")
    return out.parent, out


def _png(path: Path, grey: np.ndarray) -> Path:
    """Write an 8-bit grey PNG (H, W)."""
    ok, encoded = cv2.imencode(".png", grey)
    if not ok:
        raise InvalidSetting("The phantom could not be encoded as PNG.")
    path.write_bytes(encoded.tobytes())
    return path


def _nifti(phantom: Phantom, values: np.ndarray, path: Path) -> Path:
    """Write HU as int16 or labels as uint8, stored (X, Y, Z) in L-A-S order, as DICOM converters do.

    Rows are stored from back to front, so readers that ignore the affine show the phantom flipped.
    """
    is_labels = values.dtype == np.uint8
    stored = values if is_labels else np.rint(values).astype(np.int16)
    voxels = stored.transpose(2, 1, 0)[:, ::-1, :]  # (X, Y, Z)
    flip = np.eye(4)
    flip[1, 1], flip[1, 3] = -1, phantom.hu.shape[1] - 1
    image = nibabel.Nifti1Image(np.ascontiguousarray(voxels), ras_affine(phantom) @ flip)
    image.header.set_xyzt_units("mm")
    image.set_qform(image.affine, code=1)
    image.set_sform(image.affine, code=1)
    image.header["descrip"] = b"synthetic CT phantom" if not is_labels else b"labels of a synthetic phantom"
    content = image.to_bytes()
    path.write_bytes(gzip.compress(content, 6, mtime=0) if path.name.lower().endswith(".gz") else content)
    return path


def _dicom(phantom: Phantom, index: int, path: Path) -> Path:
    dicom_slice(phantom, index).save_as(path, enforce_file_format=True)
    return path


INTERCEPT_HU = -1024
"""RescaleIntercept of the DICOM files."""


def dicom_slice(phantom: Phantom, index: int) -> Dataset:
    """Slice `index` of a phantom as a CT Image Storage dataset, ready for `save_as`.

    Pixels are uncompressed signed 16-bit, with rescale slope 1 and intercept -1024. UIDs depend only on the
    phantom's seed, kind and grid, so the same phantom gives the same file.
    """
    slices, rows, columns = phantom.hu.shape
    between, row_mm, column_mm = phantom.spacing_mm
    identity = [
        "liverseg phantom", phantom.kind, str(phantom.seed), str(phantom.hu.shape), str(phantom.spacing_mm),
    ]  # fmt: skip
    meta = FileMetaDataset()
    meta.MediaStorageSOPClassUID = CTImageStorage
    meta.MediaStorageSOPInstanceUID = _uid(identity, "image", index)
    meta.TransferSyntaxUID = ExplicitVRLittleEndian
    meta.ImplementationClassUID = generate_uid(entropy_srcs=["liverseg"])
    image = FileDataset("", {}, file_meta=meta, preamble=b"\0" * 128)
    image.SOPClassUID, image.SOPInstanceUID = CTImageStorage, meta.MediaStorageSOPInstanceUID
    image.StudyInstanceUID, image.SeriesInstanceUID = _uid(identity, "study"), _uid(identity, "series")
    image.FrameOfReferenceUID = _uid(identity, "frame")
    image.PositionReferenceIndicator = ""
    image.PatientName, image.PatientID = f"PHANTOM^SEED{phantom.seed}", f"PHANTOM-{phantom.seed}"
    image.PatientBirthDate, image.PatientSex = "", ""
    image.PatientIdentityRemoved, image.DeidentificationMethod = "YES", "Synthetic: no patient"
    image.StudyDate = image.SeriesDate = image.ContentDate = "20000101"
    image.StudyTime = image.SeriesTime = image.ContentTime = "000000"
    image.AccessionNumber, image.ReferringPhysicianName, image.StudyID = "", "", str(phantom.seed)
    image.StudyDescription, image.SeriesDescription = "Synthetic abdomen", "Phantom, venous phase"
    image.Modality, image.Manufacturer, image.ManufacturerModelName = "CT", "liverseg", "phantom"
    image.ImageType = ["DERIVED", "SECONDARY", "AXIAL"]
    image.SeriesNumber, image.InstanceNumber, image.AcquisitionNumber = 1, index + 1, 1
    image.PatientPosition, image.BodyPartExamined, image.KVP = "HFS", "ABDOMEN", "120"
    image.SliceThickness = _decimal(between)
    image.SpacingBetweenSlices = _decimal(between)
    image.PixelSpacing = [_decimal(row_mm), _decimal(column_mm)]
    image.ImageOrientationPatient = [1, 0, 0, 0, 1, 0]
    height = (index - (slices - 1) / 2) * between
    image.ImagePositionPatient = [
        _decimal(-column_mm * (columns - 1) / 2), _decimal(-row_mm * (rows - 1) / 2), _decimal(height),
    ]  # fmt: skip
    image.SliceLocation = _decimal(height)
    image.SamplesPerPixel, image.PhotometricInterpretation = 1, "MONOCHROME2"
    image.Rows, image.Columns = rows, columns
    image.BitsAllocated, image.BitsStored, image.HighBit, image.PixelRepresentation = 16, 16, 15, 1
    image.RescaleSlope, image.RescaleIntercept, image.RescaleType = "1", str(INTERCEPT_HU), "HU"
    image.WindowCenter = _decimal(DEFAULT_WINDOW.center_hu)
    image.WindowWidth = _decimal(DEFAULT_WINDOW.width_hu)
    stored = np.rint(phantom.hu[index]).astype(np.int32) - INTERCEPT_HU
    image.PixelData = stored.astype("<i2").tobytes()
    return image


def _uid(identity: list[str], *parts: object) -> str:
    return generate_uid(entropy_srcs=[*identity, *map(str, parts)])


def _decimal(value: float) -> str:
    """A decimal string of at most 16 characters, the limit of the value representation DS."""
    return f"{value:.8g}"
