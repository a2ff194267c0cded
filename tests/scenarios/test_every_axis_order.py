"""A NIfTI file in each of the 48 axis orders gives the same segmentation, on the grid of its file."""

from __future__ import annotations

import io
import itertools
import warnings

import nibabel
import numpy as np
import pytest
import SimpleITK
import torch
from nibabel.orientations import io_orientation, ornt_transform
from torch import Tensor, nn

import liverseg
from liverseg.inference.segmenter import Segmenter
from liverseg.io.nifti.write import nifti_chunks
from registry import InputSpec, Manifest, WindowSpec, open_registries
from registry.write_checkpoint import write_checkpoint
from tests.liverseg.app.rule_checkpoints import NO_TRAINING

AFFINE = np.array([[-0.9, 0, 0, 30], [0, -0.8, 0, 25], [0, 0, 3.0, -100], [0, 0, 0, 1]])
ORDERS = list(itertools.product(itertools.permutations(range(3)), itertools.product([1, -1], repeat=3)))


class DirectionalNetwork(nn.Module):
    """Probabilities that depend on direction: no flip or rotation of the input gives the flipped result."""

    def forward(self, hu: Tensor) -> Tensor:
        slice_below, slice_here = hu[:, :1], hu[:, 1:2]
        rows = torch.linspace(-1.0, 1.0, hu.shape[2]).reshape(1, 1, -1, 1)
        columns = torch.linspace(-1.0, 1.0, hu.shape[3]).reshape(1, 1, 1, -1)
        shifted = torch.roll(slice_here, shifts=[3, -5], dims=[2, 3])
        mixed = 0.6 * slice_here + 0.3 * shifted + 0.1 * slice_below
        organ = torch.sigmoid(mixed / 20 - 2 * rows - 4 * columns)
        tumour = organ * torch.sigmoid((slice_below - slice_here) / 40 + rows)
        return torch.cat([1 - organ, organ - tumour, tumour], dim=1)


@pytest.fixture(scope="module")
def segmenter(tmp_path_factory):
    manifest = Manifest(
        name="lopsided",
        version="1.0.0",
        architecture="segformer-b0",
        input=InputSpec("slices", 3, (WindowSpec(40, 400),), 64),
        metrics=[],
        training=NO_TRAINING,
        licence="Apache-2.0",
        torch_version=torch.__version__.split("+")[0],
        created="2026-01-01T00:00:00+00:00",
    )
    archive = io.BytesIO()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)
        script = torch.jit.script(DirectionalNetwork().eval())
        torch.jit.save(script, archive, _extra_files={"manifest.json": manifest.to_json(with_files=False)})
    folder = tmp_path_factory.mktemp("registry")
    write_checkpoint(folder / "lopsided", manifest, {"model.pt": archive.getvalue()})
    return Segmenter.load("lopsided", engine="torch", registries=open_registries(str(folder)))


@pytest.fixture(scope="module")
def image():
    """(64, 70, 9) voxels; the axes point to left, posterior and superior."""
    rng = np.random.default_rng(5)
    coarse = rng.normal(0, 120, (6, 7, 3)).repeat(11, 0).repeat(11, 1).repeat(3, 2)[:64, :70]
    return nibabel.Nifti1Image(np.round(coarse - 20).astype(np.int16), AFFINE)


def segmented(image, segmenter, folder, name="ct.nii"):
    """The report, and [labels, tumour probability] as nibabel images on the grid of the file."""
    nibabel.save(image, folder / "ct.nii")
    if name != "ct.nii":
        SimpleITK.WriteImage(SimpleITK.ReadImage(str(folder / "ct.nii")), str(folder / name), True)
    ct = liverseg.read(folder / name)
    seg = segmenter.segment(ct)
    written = [
        nibabel.Nifti1Image.from_bytes(b"".join(nifti_chunks(ct, array, "result", dtype)))
        for array, dtype in ((seg.labels, np.uint8), (seg.tumour_probability, np.float32))
    ]
    return liverseg.measure(ct, seg), written


@pytest.fixture(scope="module")
def expected(image, segmenter, tmp_path_factory):
    return segmented(image, segmenter, tmp_path_factory.mktemp("expected"))


def test_a_flipped_segmentation_would_be_noticed(expected):
    _, (labels, _) = expected
    voxels = np.asarray(labels.dataobj)
    assert set(np.unique(voxels)) == {0, 1, 2}
    for axis in range(3):
        assert (np.flip(voxels, axis) != voxels).mean() > 0.05


@pytest.mark.parametrize("order, signs", ORDERS)
def test_every_axis_order_gives_the_same_segmentation(order, signs, image, expected, segmenter, tmp_path):
    wanted = np.array([[world, sign] for world, sign in zip(order, signs, strict=True)], float)
    change = ornt_transform(io_orientation(image.affine), wanted)
    reoriented = image.as_reoriented(change)
    report, written = segmented(reoriented, segmenter, tmp_path)
    first, originals = expected
    for result, original in zip(written, originals, strict=True):
        assert result.shape == reoriented.shape
        np.testing.assert_allclose(result.affine, reoriented.affine, atol=1e-4)
        np.testing.assert_array_equal(
            np.asarray(result.dataobj), np.asarray(original.as_reoriented(change).dataobj)
        )
    assert report.liver == first.liver and report.tumour == first.tumour
    assert [lesion.count for lesion in report.lesions] == [lesion.count for lesion in first.lesions]
    for a, b in zip(report.lesions[:5], first.lesions[:5], strict=True):
        np.testing.assert_allclose(a.centroid_ras_mm, b.centroid_ras_mm, atol=1e-3)


@pytest.mark.parametrize("name", ["ct.nrrd", "ct.mha"])
def test_nrrd_and_metaimage_give_the_segmentation_of_nifti(name, image, expected, segmenter, tmp_path):
    report, written = segmented(image, segmenter, tmp_path, name)
    first, originals = expected
    for result, original in zip(written, originals, strict=True):
        np.testing.assert_array_equal(np.asarray(result.dataobj), np.asarray(original.dataobj))
        np.testing.assert_allclose(result.affine, original.affine, atol=1e-4)
    assert report.lesions == first.lesions and report.input.spacing_mm == pytest.approx(
        first.input.spacing_mm
    )
