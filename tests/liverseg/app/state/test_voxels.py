"""Packed voxels and the mesh for drawing in the browser: exact and of limited size."""

from __future__ import annotations

import gzip
from dataclasses import replace

import numpy as np
import pytest

from liverseg.app.state import voxels
from tests.liverseg.lesion_scenes import UNSURE_VOXELS, decided


@pytest.mark.parametrize(
    "hu", [np.nan_to_num(np.float32([[-1e6, 1e6, -32768, 32767]])), np.float32([[-3.5]])]
)
def test_packing_restores_any_hu_within_int16(hu):
    low, high = voxels._hu_planes(hu)
    back = np.cumsum(low.astype(int) | high.astype(int) << 8, axis=1).astype(np.uint16).view(np.int16)
    np.testing.assert_array_equal(back, np.clip(np.rint(hu), -32768, 32767))


def test_too_many_slices_at_once_are_refused(volume_analysis):
    hu = np.zeros((voxels.MAX_SPAN + 1, 8, 8), np.float32)
    long = voxels.VoxelStore(replace(volume_analysis.ct, hu=hu), volume_analysis.seg)
    with pytest.raises(IndexError):
        long.packed(0, voxels.MAX_SPAN)


def test_the_largest_mesh_is_less_than_a_megabyte(volume_analysis):
    """A ragged organ with hundreds of lesions on a fine grid."""
    rng = np.random.default_rng(0)
    labels = np.zeros((40, 200, 200), np.uint8)
    labels[4:36, 20:180, 20:180] = 1
    labels[8:34:8, 25:175:16, 25:175:16] = 2
    labels[3][rng.random((200, 200)) < 0.5] = 1
    ct = replace(volume_analysis.ct, hu=np.zeros(labels.shape, np.float32), spacing_mm=(2.5, 0.8, 0.8))
    assert len(voxels.VoxelStore(ct, replace(volume_analysis.seg, labels=labels)).mesh()) < 1_000_000


def unpacked(packed: bytes, shape: tuple[int, int]) -> list[np.ndarray]:
    """HU, labels and probability in 1/255, read as the browser does."""
    low, high, labels, probability = np.frombuffer(gzip.decompress(packed), np.uint8).reshape(4, *shape)
    steps = low.astype(int) | high.astype(int) << 8
    return [np.cumsum(steps, axis=1).astype(np.uint16).view(np.int16), labels, probability]


@pytest.mark.parametrize(("plane", "axis", "index"), [("coronal", 1, 60), ("sagittal", 2, 42)])
def test_a_section_has_the_voxels_of_the_volume_with_the_head_up(volume_analysis, plane, axis, index):
    seg, ct = volume_analysis.seg, volume_analysis.ct
    hu, labels, probability = unpacked(volume_analysis.voxels.packed_section(plane, index), (4, 128))
    np.testing.assert_array_equal(hu, np.rint(ct.hu.take(index, axis)[::-1]))
    np.testing.assert_array_equal(labels, seg.labels.take(index, axis)[::-1])
    assert np.abs(probability / 255 - seg.tumour_probability.take(index, axis)[::-1]).max() < 0.003
    for missing in ((plane, 128), (plane, -1), ("oblique", 0)):
        with pytest.raises(IndexError):
            volume_analysis.voxels.packed_section(*missing)


def test_the_truth_is_in_the_upper_bits_of_the_labels(volume_analysis):
    truth = np.zeros(volume_analysis.ct.shape, np.uint8)
    truth[1, 20:40, 30:50], truth[1, 25:30, 35:40] = 1, 2
    store = voxels.VoxelStore(volume_analysis.ct, volume_analysis.seg, truth=truth)
    _, labels, _ = unpacked(store.packed(1, 1), (128, 128))
    np.testing.assert_array_equal(labels >> 4, truth[1])
    np.testing.assert_array_equal(labels & 15, volume_analysis.seg.labels[1])
    _, labels, _ = unpacked(store.packed_section("sagittal", 37), (4, 128))
    np.testing.assert_array_equal(labels >> 4, truth[::-1, :, 37])


def test_the_browser_gets_unsure_lesions_as_label_3():
    ct, seg = decided()
    planes = np.frombuffer(
        gzip.decompress(voxels.VoxelStore(ct, seg).packed(1, 2, overlay_only=True)), np.uint8
    )
    labels = planes.reshape(2, 2, 64, 64)[:, 0]
    np.testing.assert_array_equal(labels[0], seg.labels_with_unsure(1))
    assert (labels[0] == 3).sum() == UNSURE_VOXELS and (labels[1] < 3).all()
