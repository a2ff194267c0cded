"""`read` and `from_array`: settings, hashes, refusals, and damaged files of every format."""

from __future__ import annotations

import hashlib
import os

import nibabel
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

import liverseg
from liverseg.core import limits
from liverseg.core.window import Window
from liverseg.errors import InputTooLarge, InputTooSmall, InvalidSetting, LiversegError, UnreadableInput
from liverseg.io.read import from_array


@pytest.fixture(scope="module")
def files(tmp_path_factory, synthetic_hu, dicom_dataset, dicom_bytes):
    """A small file of each kind."""
    samples = tmp_path_factory.mktemp("samples")
    hu = synthetic_hu()
    Image.fromarray(((hu + 1000) // 8).clip(0, 255).astype(np.uint8)).save(samples / "a.png")
    Image.fromarray(((hu + 1000) // 8).clip(0, 255).astype(np.uint8)).save(samples / "a.jpg")
    for name in ("a.nii", "a.nii.gz"):
        nibabel.save(nibabel.Nifti1Image(hu.T[..., None], np.diag([-0.7, -0.7, 5, 1])), samples / name)
    for name, syntax in [("a.dcm", "1.2.840.10008.1.2.1"), ("rle.dcm", "1.2.840.10008.1.2.5")]:
        (samples / name).write_bytes(dicom_bytes(dicom_dataset(hu, syntax)))
    return sorted(samples.glob("*.*"))


def test_sha256_is_that_of_the_file(files):
    assert len(files) == 6
    for path in files:
        assert liverseg.read(str(path)).sha256 == hashlib.sha256(path.read_bytes()).hexdigest()


def test_paths_that_are_not_files_are_refused(tmp_path):
    for source in (tmp_path / "missing.png", "", tmp_path / ("x" * 300), "\0"):
        with pytest.raises(UnreadableInput):
            liverseg.read(source)
    with pytest.raises(UnreadableInput, match="empty"):
        liverseg.read("")
    os.mkfifo(tmp_path / "pipe")
    for source in (tmp_path / "pipe", [tmp_path / "pipe"]):
        with pytest.raises(UnreadableInput):
            liverseg.read(source)


def test_files_over_the_size_limit_are_refused(files, monkeypatch):
    monkeypatch.setattr(limits, "MAX_FILE_BYTES", 100)
    for path in files:
        with pytest.raises(InputTooLarge):
            liverseg.read(path)


@pytest.mark.parametrize("window", [(40, 0), (40,), (1, 2, 3), "ab", ("a", "b"), (float("nan"), 400), 5])
def test_impossible_windows_are_refused(window, files):
    with pytest.raises(InvalidSetting):
        liverseg.read(files[0], window=window)


def test_window_affects_only_pictures(files):
    for path in files:
        plain, windowed = liverseg.read(path), liverseg.read(path, window=Window(60, 200))
        stored = path.suffix not in (".png", ".jpg")
        assert (windowed.assumed_window is None) == stored
        assert np.array_equal(plain.hu, windowed.hu) == stored


@settings(deadline=None, max_examples=150)
@given(which=st.integers(0, 5), data=st.data())
def test_damaged_files_are_read_or_refused(which, data, files):
    raw = bytearray(files[which].read_bytes())
    for _ in range(data.draw(st.integers(1, 6))):
        near_start = data.draw(st.booleans())
        place = data.draw(st.integers(0, min(len(raw), 900 if near_start else len(raw)) - 1))
        raw[place] = data.draw(st.integers(0, 255))
    damaged = files[which].parent / "damaged"
    damaged.write_bytes(raw[: data.draw(st.integers(1, len(raw)))] if data.draw(st.booleans()) else raw)
    try:
        ct = liverseg.read(damaged)
    except LiversegError as refusal:
        assert str(refusal).endswith(".") and "\n" not in str(refusal)
    else:
        assert ct.hu.ndim == 3 and ct.hu.dtype == np.float32 and np.isfinite(ct.hu).all()
        assert ct.native.to_native(ct.hu).size == ct.hu.size
    finally:
        damaged.unlink()


def test_from_array_keeps_values_and_spacing(synthetic_hu):
    hu = synthetic_hu()
    ct = from_array(hu, spacing_mm=(5, 0.8, 0.7))
    np.testing.assert_array_equal(ct.hu[0], hu)
    assert (ct.source_format, ct.kind, ct.spacing_mm) == ("array", "slice", (5.0, 0.8, 0.7))
    np.testing.assert_array_equal(ct.native.to_native(ct.hu), hu)
    volume = from_array(np.stack([hu, hu]))
    assert volume.kind == "volume" and volume.spacing_mm is None and volume.spacing_source == "unknown"


@pytest.mark.parametrize(
    "array, spacing, kind",
    [
        (np.zeros(64), None, InvalidSetting),
        (np.zeros((1, 1, 64, 64)), None, InvalidSetting),
        (np.full((64, 64), np.nan), None, InvalidSetting),
        (np.zeros((64, 64), complex), None, InvalidSetting),
        (np.array([["a"] * 64] * 64), None, InvalidSetting),
        (np.zeros((64, 64)), (1, 1), InvalidSetting),
        (np.zeros((64, 64)), (1, 0, 1), InvalidSetting),
        (np.zeros((64, 63)), None, InputTooSmall),
        (np.zeros((64, 2049), np.int8), None, InputTooLarge),
    ],
)
def test_from_array_refuses_invalid_arrays_and_spacings(array, spacing, kind):
    with pytest.raises(kind):
        from_array(array, spacing_mm=spacing)
