"""Habits of scanners, archives and anonymizers: what they write is read as what it is."""

from __future__ import annotations

import io
import shutil
import subprocess
import sys

import nibabel
import numpy as np
import pydicom
import pytest

import liverseg
from liverseg.errors import UnreadableInput
from liverseg.io.nifti.write import nifti_chunks

LPS_TO_RAS = np.diag([-1.0, -1.0, 1.0])


def volume_of(synthetic_hu, count):
    return np.stack([synthetic_hu(seed=k) for k in range(count)])


def test_ge_padding_outside_the_circle_and_intercept_in_the_values(synthetic_hu, dicom_file):
    hu = synthetic_hu()
    rows, columns = np.mgrid[:80, :96]
    outside = (rows - 39.5) ** 2 + (columns - 47.5) ** 2 > 45**2
    stored = (hu + 1024).astype(np.int16)
    stored[outside] = -2000
    ct = liverseg.read(
        dicom_file(stored, RescaleIntercept="-1024", PixelPaddingValue=-2000, RescaleType="HU")
    )
    assert (ct.hu[0][outside] == -1024).all()
    np.testing.assert_array_equal(ct.hu[0][~outside], hu[~outside])


@pytest.mark.parametrize("rescale_type", [None, "HU", "US", ""])
def test_rescale_type_may_be_anything_that_is_no_map(rescale_type, synthetic_hu, dicom_file):
    tags = {} if rescale_type is None else {"RescaleType": rescale_type}
    stored = (synthetic_hu() + 1024).astype(np.uint16)
    ct = liverseg.read(dicom_file(stored, bits_stored=12, RescaleIntercept="-1024", **tags))
    np.testing.assert_array_equal(ct.hu[0], synthetic_hu())


def test_private_scaling_is_not_applied_on_top(synthetic_hu, dicom_dataset, dicom_bytes, tmp_path):
    dataset = dicom_dataset((synthetic_hu() + 1024).astype(np.uint16), RescaleIntercept="-1024")
    block = dataset.private_block(0x2005, "Philips MR Imaging DD 001", create=True)
    block.add_new(0x0E, "FL", 3.7)
    block.add_new(0x0D, "FL", 100.0)
    (tmp_path / "a").write_bytes(dicom_bytes(dataset))
    np.testing.assert_array_equal(liverseg.read(tmp_path / "a").hu[0], synthetic_hu())


@pytest.mark.parametrize(
    "charset", ["ISO_IR 100", "ISO_IR 192", "GB18030", ["", "ISO 2022 IR 87"], "ISO_IR 999", "nonsense"]
)
def test_any_character_set(charset, synthetic_hu, dicom_dataset, dicom_bytes, tmp_path):
    known = {"SpecificCharacterSet": "ISO_IR 192", "ConvolutionKernel": "B30f"}
    content = dicom_bytes(dicom_dataset(synthetic_hu(), SeriesDescription="肝臓 Müller", **known))
    dataset = pydicom.dcmread(io.BytesIO(content))  # its text stays as it was written
    dataset.add_new(0x00080005, "CS", charset)
    (tmp_path / "a").write_bytes(dicom_bytes(dataset))
    assert liverseg.read(tmp_path / "a").shape == (1, 80, 96)
    assert liverseg.list_series(tmp_path / "a")[0].kernel == "B30f"


@pytest.mark.parametrize("between", ["-2.5", "0", "99", None])
def test_positions_count_and_not_the_headers_distance(between, series):
    tags = {} if between is None else {"SpacingBetweenSlices": between}
    folder, _ = series(SliceThickness="5", InstanceNumber="1", SliceLocation="-3", **tags)
    ct = liverseg.read(folder)
    assert ct.spacing_mm == (2.5, 0.8, 0.7) and ct.warnings == ()  # overlapping: 5 mm thick every 2.5


def test_a_negative_distance_is_a_lone_slices_thickness(synthetic_hu, dicom_file):
    ct = liverseg.read(dicom_file(synthetic_hu(), SliceThickness="0", SpacingBetweenSlices="-2.5"))
    assert ct.spacing_mm == (2.5, 0.8, 0.7)


@pytest.mark.parametrize(
    "written, expected",
    [
        (b"0,8\\0,7 ", (0.8, 0.7)),
        (b"0.8,0.7 ", (0.8, 0.7)),
        (b" 0.8\\ 0.7", (0.8, 0.7)),
        (b"8.0E-1\\+0.7 ", (0.8, 0.7)),
        (b"0.80000000000000004\\0.7 ", (0.8, 0.7)),
        (b"0.8 ", None),
        (b"0.8mm\\0.7", None),
        (b"\\ ", None),
    ],
)
def test_pixel_spacing_as_it_is_written(
    written, expected, synthetic_hu, dicom_dataset, dicom_bytes, tmp_path
):
    marker = b"0.111111\\0.222222 "
    content = dicom_bytes(dicom_dataset(synthetic_hu(), PixelSpacing=["0.111111", "0.222222"]))
    start = content.index(marker[:-1]) - 2
    length = int.from_bytes(content[start : start + 2], "little")
    written += b" " * (len(written) % 2)
    changed = content[:start] + len(written).to_bytes(2, "little") + written + content[start + 2 + length :]
    (tmp_path / "a").write_bytes(changed)
    ct = liverseg.read(tmp_path / "a")
    assert (ct.spacing_mm and ct.spacing_mm[1:]) == expected
    assert any("PixelSpacing" in w for w in ct.warnings) == (expected is None)


@pytest.mark.parametrize("digits, distance", [(3, 1.25), (1, 0.625), (2, 0.625)])
def test_positions_that_were_rounded(digits, distance, series):
    heights = [round(-301.33 + k * distance, digits) for k in range(12)]
    ct = liverseg.read(series(heights)[0])
    assert ct.shape[0] == 12 and ct.spacing_mm[0] == pytest.approx(distance, rel=0.02)
    assert ct.warnings == ()


def test_positions_that_jitter(series):
    jitter = np.random.default_rng(3).uniform(-1e-3, 1e-3, 12)
    ct = liverseg.read(series([5.0 * k + jitter[k] for k in range(12)])[0])
    assert ct.spacing_mm[0] == pytest.approx(5.0, abs=1e-3)


def test_names_folders_numbers_and_other_files_say_nothing(series, synthetic_hu, tmp_path):
    folder, paths = series((7.5, 0, 5, 2.5))
    study = tmp_path / "study"
    for k, path in enumerate(paths):
        place = study / "ÄÖ ü" / str(k % 2) / "deep"
        place.mkdir(parents=True, exist_ok=True)
        dataset = pydicom.dcmread(path)
        dataset.InstanceNumber, dataset.SliceLocation = 9 - k, 100 * k
        dataset.save_as(place / ["IM1", "0002.dcm.bak", ".hidden", "z"][k])
    (study / "Thumbs.db").write_bytes(b"\xd0\xcf\x11\xe0" + bytes(2000))
    (study / "._IM1").write_bytes(b"\0\5\x16\7\0\2\0\0Mac OS X" + bytes(4080))
    (study / ".DS_Store").write_bytes(b"\0\0\0\1Bud1" + bytes(100))
    (study / "report.pdf").write_bytes(b"%PDF-1.4")
    (study / "empty").write_bytes(b"")
    (study / "readme.txt").write_text("a viewer")
    (study / "link").symlink_to(study)
    ct = liverseg.read(study)
    np.testing.assert_array_equal(ct.hu, np.stack([synthetic_hu(seed=k) for k in (1, 3, 2, 0)]))
    assert ct.warnings == ("6 files that are not CT slices of the series were left out.",)


# name: where the column index grows, where the row index grows (LPS), and the order of the files
STACKS = {
    "upright": ((1, 0, 0), (0, 1, 0), 1),
    "feet first, seen from the head": ((-1, 0, 0), (0, 1, 0), 1),
    "prone": ((-1, 0, 0), (0, -1, 0), 1),
    "stored from head to feet": ((1, 0, 0), (0, 1, 0), -1),
    "coronal": ((1, 0, 0), (0, 0, -1), 1),
    "coronal from behind": ((-1, 0, 0), (0, 0, -1), -1),
    "sagittal": ((0, 1, 0), (0, 0, -1), 1),
    "sagittal upside down": ((0, -1, 0), (0, 0, 1), -1),
}


@pytest.mark.parametrize("along_rows, along_columns, direction", STACKS.values(), ids=STACKS)
def test_any_stack_is_one_volume_in_one_place(along_rows, along_columns, direction, dicom_file, tmp_path):
    """A block of tissue with a mark, cut in several directions: HU, spacing and every voxel's place agree."""
    rng = np.random.default_rng(0)
    normal = np.cross(along_rows, along_columns)
    steps = {0: 0.8, 1: 0.9, 2: 1.1}  # mm along x, y, z of the patient
    axes = [int(np.flatnonzero(v)[0]) for v in (normal, along_columns, along_rows)]
    block = rng.integers(-900, 900, (70, 68, 66)).astype(np.int16)  # x, y, z in LPS
    cut = block.transpose(axes)  # slices, rows, columns
    for axis, vector in enumerate((normal, along_columns, along_rows)):
        if np.sum(vector) < 0:
            cut = np.flip(cut, axis)
    corner = np.array([-20.0, -30.0, 40.0])
    first = corner.copy()
    for vector in (normal, along_columns, along_rows):
        axis = int(np.flatnonzero(vector)[0])
        if np.sum(vector) < 0:
            first[axis] += steps[axis] * (block.shape[axis] - 1)
    folder = tmp_path / "stack"
    folder.mkdir()
    for k in range(len(cut))[::direction]:
        dicom_file(
            np.ascontiguousarray(cut[k]),
            folder=folder,
            ImageOrientationPatient=[*map(float, along_rows), *map(float, along_columns)],
            ImagePositionPatient=[round(float(v), 4) for v in first + k * steps[axes[0]] * normal],
            PixelSpacing=[steps[axes[1]], steps[axes[2]]],
        )
    ct = liverseg.read(folder)
    np.testing.assert_array_equal(ct.hu, block.transpose(2, 1, 0))
    assert ct.spacing_mm == pytest.approx((1.1, 0.9, 0.8))
    affine = ct.native.radiological_affine
    for index in ((0, 0, 0), (3, 5, 7), (65, 67, 69)):
        lps = corner + np.array(index[::-1]) * [0.8, 0.9, 1.1]
        np.testing.assert_allclose((affine @ [*index, 1])[:3], LPS_TO_RAS @ lps, atol=1e-3)
    np.testing.assert_array_equal(ct.native.to_native(ct.hu), cut)
    assert any("turned into axial" in w for w in ct.warnings) == (axes[0] != 2)


@pytest.mark.parametrize("angle", [-20.0, 12.5])
@pytest.mark.parametrize("sheared_axis", ["the table moves along the body", "slices are cut upright"])
def test_a_gantry_tilt_keeps_its_own_grid(angle, sheared_axis, series, synthetic_hu, tmp_path):
    c, s = float(np.cos(np.radians(angle))), float(np.sin(np.radians(angle)))
    folder, paths = series((0, 5, 10, 15, 20))
    tilted = sheared_axis.startswith("the table")
    for k, path in enumerate(paths):
        dataset = pydicom.dcmread(path)
        if tilted:
            dataset.ImageOrientationPatient = [1, 0, 0, 0, round(c, 8), round(s, 8)]
            dataset.GantryDetectorTilt = angle
        else:
            dataset.ImagePositionPatient = [-100, round(-100 + 5 * k * s / c, 5), 5 * k]
        dataset.save_as(path)
    ct = liverseg.read(folder)
    np.testing.assert_array_equal(ct.hu, volume_of(synthetic_hu, 5))
    assert ct.spacing_mm == pytest.approx((5 * c if tilted else 5, 0.8, 0.7), rel=1e-5)
    assert [f"{abs(angle):.0f}°" in w for w in ct.warnings] == [True]
    labels = np.zeros(ct.shape, np.uint8)
    labels[3, 20, 30] = 1
    image = nibabel.Nifti1Image.from_bytes(b"".join(nifti_chunks(ct, labels, "labels")))
    (x, y, z, _) = image.affine @ [*np.argwhere(np.asarray(image.dataobj))[0], 1]
    dataset = pydicom.dcmread(paths[3])
    position = np.array(dataset.ImagePositionPatient, float)
    orientation = np.array(dataset.ImageOrientationPatient, float)
    expected = position + 30 * 0.7 * orientation[:3] + 20 * 0.8 * orientation[3:]
    np.testing.assert_allclose([x, y, z], LPS_TO_RAS @ expected, atol=1e-3)
    assert abs(np.linalg.det(image.affine[:3, :3])) == pytest.approx(np.prod(ct.spacing_mm), rel=1e-4)
    (tmp_path / "labels.nii").write_bytes(image.to_bytes())
    hu = nibabel.Nifti1Image(ct.hu.transpose(2, 1, 0), image.affine)
    nibabel.save(hu, tmp_path / "hu.nii")
    assert liverseg.read(tmp_path / "hu.nii").spacing_mm == pytest.approx(ct.spacing_mm, rel=1e-4)


def test_slices_that_wander_sideways_are_refused(series):
    folder, paths = series((0, 5, 10, 15, 20))
    dataset = pydicom.dcmread(paths[2])
    dataset.ImagePositionPatient = [-95, -100, 10]
    dataset.save_as(paths[2])
    with pytest.raises(UnreadableInput, match="sideways"):
        liverseg.read(folder)


READ = """
import resource, sys, time, liverseg
import liverseg.io.dicom.series, liverseg.io.dicom.pixels
before, started = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss, time.process_time()
ct = liverseg.read(sys.argv[1])
after = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
print((after - before) * 1024 / ct.hu.nbytes, time.process_time() - started)
"""


def test_reading_holds_the_volume_once(dicom_dataset, dicom_bytes, tmp_path):
    rng = np.random.default_rng(0)
    hu = rng.integers(-1000, 1000, (512, 512)).astype(np.int16)
    folder = tmp_path / "series"
    folder.mkdir()
    template = dicom_dataset(hu, ImageOrientationPatient=[-1, 0, 0, 0, -1, 0])
    for k in range(60):
        template.ImagePositionPatient = [0, 0, -2.0 * k]
        template.SOPInstanceUID = template.file_meta.MediaStorageSOPInstanceUID = f"1.2.3.{k}"
        (folder / str(k)).write_bytes(dicom_bytes(template))
    done = subprocess.run(
        [sys.executable, "-c", READ, str(folder)], capture_output=True, text=True, check=True
    )
    copies, seconds = map(float, done.stdout.split())
    assert copies < 1.5 and seconds < 20
    shutil.rmtree(folder)
