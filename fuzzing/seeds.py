"""Seeds of the fuzzer: small valid files of every format that liverseg reads."""

from __future__ import annotations

import gzip
import io
import zipfile
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import cache

import nibabel
import numpy as np
from PIL import Image
from pydicom.dataset import Dataset
from pydicom.encaps import encapsulate
from pydicom.uid import (
    DeflatedExplicitVRLittleEndian,
    EnhancedCTImageStorage,
    ExplicitVRBigEndian,
    ExplicitVRLittleEndian,
    ImplicitVRLittleEndian,
    RLELossless,
)

from fuzzing.gdcm_encoder import encode as encode_frame
from fuzzing.text_volumes import metaimage_file, nrrd_file
from liverseg.core.window import DEFAULT_WINDOW, to_grey
from liverseg.phantom.files import dicom_slice
from liverseg.phantom.generate import Phantom

CANARY = "Canary^Patient"
"""Patient name in every seed that can hold one; no message, report or log may contain it."""

SIDE_PX, SLICES = 96, 5


@dataclass(frozen=True)
class Seed:
    """A valid input: one file, or the files of a series."""

    name: str
    kind: str  # "picture" | "nifti" | "nrrd" | "metaimage" | "dicom" | "series" | "zip"
    files: tuple[bytes, ...]
    suffix: str

    @property
    def data(self) -> bytes:
        """The bytes of the first file."""
        return self.files[0]


@cache
def _phantom(kind: str) -> Phantom:
    """A body in air with a liver, a tumour and noise; `kind` is "slice" or "volume"."""
    count = SLICES if kind == "volume" else 1
    y, x = np.mgrid[:SIDE_PX, :SIDE_PX] - SIDE_PX / 2
    hu = np.full((count, SIDE_PX, SIDE_PX), -1000, np.float32)
    hu[:, (y / 40) ** 2 + (x / 44) ** 2 < 1] = 20
    hu[:, (y / 22) ** 2 + ((x + 18) / 20) ** 2 < 1] = 110
    hu[:, y**2 + (x + 18) ** 2 < 36] = 60
    hu += np.random.default_rng(7).normal(0, 8, hu.shape).astype(np.float32)
    return Phantom(hu, np.zeros(hu.shape, np.uint8), (5.0, 2.0, 2.0), (), 7, kind)


@cache
def seeds() -> tuple[Seed, ...]:
    """All seeds, in a fixed order."""
    return (*_pictures(), *_niftis(), *_text_volumes(), *_dicoms(), *_series(), *_volumes_in_zips())


def of_kind(*kinds: str) -> list[Seed]:
    """The seeds of the given kinds."""
    return [seed for seed in seeds() if seed.kind in kinds]


def saved(picture: Image.Image, format: str = "PNG", **options: object) -> bytes:
    """The bytes of a picture file."""
    buffer = io.BytesIO()
    picture.save(buffer, format, **options)
    return buffer.getvalue()


def dicom_bytes(dataset: Dataset) -> bytes:
    """The bytes of a DICOM file."""
    buffer = io.BytesIO()
    dataset.save_as(buffer, enforce_file_format=True)
    return buffer.getvalue()


def zipped(members: list[tuple[str, bytes]], method: int = zipfile.ZIP_DEFLATED) -> bytes:
    """A zip archive of (name, content)."""
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", method) as archive:
        for name, content in members:
            archive.writestr(zipfile.ZipInfo(name), content, method)
    return buffer.getvalue()


def ct_dataset(index: int = 0, kind: str = "slice") -> Dataset:
    """A slice of the phantom as a CT dataset in explicit little endian, with `CANARY` as the patient."""
    dataset = dicom_slice(_phantom(kind), index)
    dataset.PatientName, dataset.PatientID, dataset.InstitutionName = CANARY, CANARY, CANARY
    return dataset


def _pictures() -> Iterator[Seed]:
    phantom = _phantom("slice")
    grey = Image.fromarray(to_grey(phantom.hu, DEFAULT_WINDOW)[0])
    full_range = (np.clip((phantom.hu[0] + 160) / 400, 0, 1) * 65535).astype(np.uint16)
    hu_with_offset = (np.rint(phantom.hu[0]) + 1024).clip(0, 65535).astype(np.uint16)
    pngs: dict[str, Image.Image] = {
        "png": grey,
        "png-rgb": grey.convert("RGB"),
        "png-rgba": grey.convert("RGBA"),
        "png-palette": grey.convert("P"),
        "png-grey-alpha": grey.convert("LA"),
        "png-1-bit": grey.convert("1"),
        "png-16-bit": Image.fromarray(full_range),
        "png-16-bit-hu": Image.fromarray(hu_with_offset),
    }
    for name, picture in pngs.items():
        yield Seed(name, "picture", (saved(picture),), ".png")
    yield Seed("jpeg", "picture", (saved(grey, "JPEG", quality=90),), ".jpg")
    yield Seed("jpeg-progressive", "picture", (saved(grey, "JPEG", progressive=True),), ".jpg")
    yield Seed("jpeg-rgb", "picture", (saved(grey.convert("RGB"), "JPEG", comment=CANARY.encode()),), ".jpg")
    yield Seed("jpeg-cmyk", "picture", (saved(grey.convert("CMYK"), "JPEG"),), ".jpg")
    yield Seed("tiff", "picture", (saved(grey, "TIFF"),), ".tiff")
    yield Seed("tiff-lzw", "picture", (saved(grey.convert("RGB"), "TIFF", compression="tiff_lzw"),), ".tiff")
    yield Seed("tiff-16-bit", "picture", (saved(Image.fromarray(hu_with_offset), "TIFF"),), ".tiff")
    yield Seed("webp", "picture", (saved(grey, "WEBP", quality=90),), ".webp")
    yield Seed("webp-lossless", "picture", (saved(grey.convert("RGBA"), "WEBP", lossless=True),), ".webp")


def _niftis() -> Iterator[Seed]:
    phantom = _phantom("volume")
    voxels = np.rint(phantom.hu).astype(np.int16).transpose(2, 1, 0)
    affine = np.diag([-2.0, -2.0, 5.0, 1.0])

    def encode(array: np.ndarray, version: Callable[..., nibabel.Nifti1Image] = nibabel.Nifti1Image) -> bytes:
        image = version(array, affine)
        image.header["descrip"] = CANARY.encode()
        return image.to_bytes()

    swapped = nibabel.Nifti1Image(voxels, affine, nibabel.Nifti1Header(endianness=">"))
    plain = encode(voxels)
    yield Seed("nifti", "nifti", (plain,), ".nii")
    yield Seed("nifti-gz", "nifti", (gzip.compress(plain, 3, mtime=0),), ".nii.gz")
    yield Seed("nifti-2", "nifti", (encode(voxels, nibabel.Nifti2Image),), ".nii")
    yield Seed("nifti-big-endian", "nifti", (swapped.to_bytes(),), ".nii")
    yield Seed("nifti-float", "nifti", (encode(voxels.astype(np.float32)),), ".nii")
    yield Seed("nifti-flat", "nifti", (encode(voxels[..., 2]),), ".nii")
    yield Seed(
        "nifti-grey", "nifti", (encode(((voxels + 160) / 400 * 255).clip(0, 255).astype(np.uint8)),), ".nii"
    )


def volume_hu() -> np.ndarray:
    """The volume (X, Y, Z) int16 with its axes to the left, to posterior and to superior."""
    return np.rint(_phantom("volume").hu).astype(np.int16).transpose(2, 1, 0)


def _text_volumes() -> Iterator[Seed]:
    for packing in ("raw", "gzip", "bzip2"):
        content = nrrd_file(volume_hu(), packing).replace(
            b"encoding", f"Name:={CANARY}\nencoding".encode(), 1
        )
        yield Seed(f"nrrd-{packing}", "nrrd", (content,), ".nrrd")
    for packing in ("raw", "zlib"):
        content = metaimage_file(volume_hu(), packing, Comment=CANARY)
        yield Seed(f"metaimage-{packing}", "metaimage", (content,), ".mha")


def _volumes_in_zips() -> Iterator[Seed]:
    for seed in (*_niftis(), *_text_volumes()):
        if seed.name in ("nifti-gz", "nrrd-gzip", "metaimage-raw"):
            yield Seed(f"zip-{seed.name}", "zip", (zipped([(f"{CANARY}{seed.suffix}", seed.data)]),), ".zip")


def _dicoms() -> Iterator[Seed]:
    def seed(name: str, dataset: Dataset) -> Seed:
        return Seed(name, "dicom", (dicom_bytes(dataset),), ".dcm")

    yield seed("dicom", ct_dataset())
    yield Seed("dicom-bare", "dicom", (dicom_bytes(ct_dataset())[132:],), ".dcm")
    for name, syntax in (
        ("dicom-implicit", ImplicitVRLittleEndian),
        ("dicom-big-endian", ExplicitVRBigEndian),
        ("dicom-deflated", DeflatedExplicitVRLittleEndian),
    ):
        dataset = ct_dataset()
        dataset.file_meta.TransferSyntaxUID = syntax
        if syntax == ExplicitVRBigEndian:
            dataset.PixelData = np.frombuffer(dataset.PixelData, "<i2").astype(">i2").tobytes()
            dataset["PixelData"].VR = "OW"
        dataset._read_implicit = dataset._read_little = None
        yield seed(name, _reencoded(dataset, syntax))
    rle = ct_dataset()
    rle.compress(RLELossless, generate_instance_uid=False)
    yield seed("dicom-rle", rle)
    for name, last in (("jpeg-lossless", 70), ("jpeg-ls", 80), ("jpeg-2000", 90)):
        yield seed(f"dicom-{name}", compressed(f"1.2.840.10008.1.2.4.{last}"))
    yield seed("dicom-enhanced", enhanced())


def _reencoded(dataset: Dataset, syntax: str) -> Dataset:
    """A copy of a dataset that is not bound to the encoding of the original."""
    copy = Dataset()
    copy.file_meta = dataset.file_meta
    copy.file_meta.TransferSyntaxUID = syntax
    for element in dataset:
        copy.add(element)
    return copy


def compressed(syntax: str) -> Dataset:
    """The slice with pixels compressed in a transfer syntax of JPEG, JPEG-LS or JPEG 2000."""
    dataset = ct_dataset()
    stored = np.frombuffer(dataset.PixelData, "<i2").reshape(SIDE_PX, SIDE_PX).astype(np.uint16)
    dataset.PixelRepresentation, dataset.BitsStored, dataset.HighBit = 0, 12, 11
    dataset.PixelData = encapsulate([encode_frame(stored, syntax, 12)])
    dataset["PixelData"].VR = "OB"
    dataset.file_meta.TransferSyntaxUID = syntax
    return _reencoded(dataset, syntax)


def _item(**elements: object) -> Dataset:
    """A sequence item with the given elements."""
    item = Dataset()
    for keyword, value in elements.items():
        setattr(item, keyword, value)
    return item


def enhanced() -> Dataset:
    """The volume as one Enhanced CT object."""
    slices = [ct_dataset(k, "volume") for k in range(SLICES)]
    dataset = slices[0]
    dataset.SOPClassUID = dataset.file_meta.MediaStorageSOPClassUID = EnhancedCTImageStorage
    dataset.NumberOfFrames = SLICES
    dataset.PixelData = b"".join(one.PixelData for one in slices)
    dataset.SharedFunctionalGroupsSequence = [
        _item(
            PlaneOrientationSequence=[_item(ImageOrientationPatient=[1, 0, 0, 0, 1, 0])],
            PixelMeasuresSequence=[_item(PixelSpacing=[2, 2], SliceThickness="5")],
        )
    ]
    dataset.PerFrameFunctionalGroupsSequence = [
        _item(PlanePositionSequence=[_item(ImagePositionPatient=[0, 0, 5 * k])]) for k in range(SLICES)
    ]
    return _reencoded(dataset, ExplicitVRLittleEndian)


def _series() -> Iterator[Seed]:
    files = tuple(dicom_bytes(ct_dataset(k, "volume")) for k in range(SLICES))
    yield Seed("series", "series", files, ".dcm")
    members = [(f"ct/{k:03d}.dcm", content) for k, content in enumerate(files)]
    yield Seed("zip", "zip", (zipped(members),), ".zip")
    yield Seed("zip-stored", "zip", (zipped(members, zipfile.ZIP_STORED),), ".zip")
    yield Seed(
        "zip-beside-others", "zip", (zipped([*members, ("readme.txt", b"x"), ("a.png", b"\x89PNG")]),), ".zip"
    )
