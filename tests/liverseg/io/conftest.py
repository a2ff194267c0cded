"""A synthetic CT slice with known HU, and a writer of DICOM in every transfer syntax."""

from __future__ import annotations

import io

import numpy as np
import pydicom
import pytest
from pydicom.dataset import Dataset, FileMetaDataset
from pydicom.encaps import encapsulate
from pydicom.uid import CTImageStorage, ExplicitVRLittleEndian, RLELossless, generate_uid

from fuzzing.gdcm_encoder import SYNTAXES, encode


def synthetic_hu(rows: int = 80, columns: int = 96, seed: int = 0) -> np.ndarray:
    """HU (rows, columns) int16: a body in air with a bright spot off centre, which every flip moves."""
    y, x = np.mgrid[:rows, :columns]
    hu = np.full((rows, columns), -1000)
    hu[((y - rows * 0.5) / (rows * 0.4)) ** 2 + ((x - columns * 0.5) / (columns * 0.42)) ** 2 < 1] = 40
    hu[(y - rows * 0.3) ** 2 + (x - columns * 0.3) ** 2 < 60] = 700
    return (hu + np.random.default_rng(seed).integers(-20, 20, hu.shape)).astype(np.int16)


def dicom_dataset(
    stored: np.ndarray,
    syntax: str = ExplicitVRLittleEndian,
    bits_stored: int | None = None,
    **tags: object,
) -> Dataset:
    """A CT dataset of stored values (rows, columns); `tags` sets elements, the value None deletes one."""
    meta = FileMetaDataset()
    meta.MediaStorageSOPClassUID = CTImageStorage
    meta.MediaStorageSOPInstanceUID = generate_uid()
    meta.TransferSyntaxUID = syntax
    dataset = Dataset()
    dataset.file_meta = meta
    dataset.SOPClassUID = CTImageStorage
    dataset.SOPInstanceUID = meta.MediaStorageSOPInstanceUID
    dataset.SeriesInstanceUID = "1.2.3"
    dataset.Modality = "CT"
    dataset.PatientName = "Secret^Name"
    dataset.ImageType = ["ORIGINAL", "PRIMARY", "AXIAL"]
    dataset.Rows, dataset.Columns = stored.shape
    dataset.SamplesPerPixel = 1
    dataset.PhotometricInterpretation = "MONOCHROME2"
    dataset.BitsAllocated = stored.itemsize * 8
    dataset.BitsStored = bits_stored or dataset.BitsAllocated
    dataset.HighBit = dataset.BitsStored - 1
    dataset.PixelRepresentation = int(stored.dtype.kind == "i")
    dataset.RescaleSlope, dataset.RescaleIntercept = "1", "0"
    dataset.PixelSpacing = [0.8, 0.7]
    dataset.SliceThickness = "5"
    dataset.ImageOrientationPatient = [1, 0, 0, 0, 1, 0]
    dataset.ImagePositionPatient = [-100, -100, 50]
    if syntax in SYNTAXES:
        dataset.PixelData = encapsulate([encode(stored, syntax, dataset.BitsStored)])
    elif dataset.BitsAllocated == 8:
        dataset.PixelData = stored.tobytes()
    elif syntax == "1.2.840.10008.1.2.2":
        dataset.PixelData = stored.astype(stored.dtype.newbyteorder(">")).tobytes()
    else:
        dataset.PixelData = stored.tobytes()
    dataset["PixelData"].VR = "OW" if dataset.BitsAllocated > 8 else "OB"
    if syntax == RLELossless:
        meta.TransferSyntaxUID = ExplicitVRLittleEndian
        dataset.compress(RLELossless, generate_instance_uid=False)
    for keyword, value in tags.items():
        if value is None:
            delattr(dataset, keyword)
        else:
            setattr(dataset, keyword, value)
    return dataset


def dicom_bytes(dataset: pydicom.Dataset) -> bytes:
    """The bytes of a DICOM file."""
    buffer = io.BytesIO()
    dataset.save_as(buffer, enforce_file_format=True)
    return buffer.getvalue()


@pytest.fixture(scope="session", name="synthetic_hu")
def _synthetic_hu():
    return synthetic_hu


@pytest.fixture
def volume():
    """(S, H, W) = (3, 80, 96) int16 HU in radiological orientation."""
    return np.stack([synthetic_hu(seed=k) + 10 * k for k in range(3)]).astype(np.int16)


@pytest.fixture(scope="session", name="dicom_dataset")
def _dicom_dataset():
    return dicom_dataset


@pytest.fixture(scope="session", name="dicom_bytes")
def _dicom_bytes():
    return dicom_bytes


@pytest.fixture
def dicom_file(tmp_path):
    """Write a CT slice as DICOM: takes the arguments of `dicom_dataset`, returns the path."""
    count = 0

    def write(stored, syntax=ExplicitVRLittleEndian, bits_stored=None, folder=tmp_path, **tags):
        nonlocal count
        count += 1
        path = folder / f"{count:03d}.bin"
        path.write_bytes(dicom_bytes(dicom_dataset(stored, syntax, bits_stored, **tags)))
        return path

    return write


@pytest.fixture
def series(synthetic_hu, dicom_file, tmp_path):
    """Write slices (seed k at height heights[k], in mm); returns the folder and the paths."""

    def write(heights=(0, 2.5, 5, 7.5), folder="series", step=(0, 0), **tags):
        (tmp_path / folder).mkdir(exist_ok=True)
        paths = []
        for k, height in enumerate(heights):
            slope = [1.0, 0.5][k % 2]
            stored = (synthetic_hu(seed=k) / slope).astype(np.int16)
            elements = {
                "ImagePositionPatient": [step[0] * k - 100, step[1] * k - 100, height],
                "RescaleSlope": str(slope),
            } | tags
            paths.append(dicom_file(stored, folder=tmp_path / folder, **elements))
        return tmp_path / folder, paths

    return write


def item(**elements) -> Dataset:
    """A sequence item with the given elements."""
    dataset = Dataset()
    for keyword, value in elements.items():
        setattr(dataset, keyword, value)
    return dataset


@pytest.fixture
def enhanced(tmp_path):
    """Write an Enhanced CT with frames from head to feet, each with its own slope, three per phase."""

    def write(heights=(20, 10, 0), phases=None):
        volume = np.stack([synthetic_hu(seed=k) for k in range(3)])  # from feet to head
        count = len(heights)
        slopes = [1.0, 0.5, 2.0] * (count // 3)
        stored = np.stack([volume[2 - k % 3] / slopes[k] for k in range(count)]).astype(np.int16)
        dataset = dicom_dataset(stored[0], RescaleSlope=None, RescaleIntercept=None)
        dataset.PixelData = stored.tobytes()
        dataset.NumberOfFrames = count
        dataset.SOPClassUID = pydicom.uid.EnhancedCTImageStorage
        del dataset.ImageOrientationPatient, dataset.ImagePositionPatient, dataset.PixelSpacing
        dataset.SharedFunctionalGroupsSequence = [
            item(
                PlaneOrientationSequence=[item(ImageOrientationPatient=[1, 0, 0, 0, 1, 0])],
                PixelMeasuresSequence=[item(PixelSpacing=[0.8, 0.7], SliceThickness="10")],
            )
        ]
        dataset.PerFrameFunctionalGroupsSequence = [
            item(
                PlanePositionSequence=[item(ImagePositionPatient=[0, 0, heights[k]])],
                PixelValueTransformationSequence=[
                    item(RescaleSlope=str(slopes[k]), RescaleIntercept="0", RescaleType="HU")
                ],
                FrameContentSequence=[item(TemporalPositionIndex=phases[k])] if phases else [],
            )
            for k in range(count)
        ]
        (tmp_path / "enhanced").write_bytes(dicom_bytes(dataset))
        return tmp_path / "enhanced", volume

    return write
