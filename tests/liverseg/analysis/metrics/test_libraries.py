"""Two independent libraries agree with ours to 1e-6: medpy, which LiTS used, and MONAI or surface-distance.

medpy is GPL: it is used here, in tests, and by nothing that is installed with the project.
"""

from __future__ import annotations

import sys

import medpy.metric.binary as medpy
import numpy as np
import pytest
import surface_distance
import torch
from scipy import ndimage

from liverseg.analysis import metrics
from liverseg.analysis.metrics import surface_distance as surfaces

with pytest.MonkeyPatch.context() as patch:
    # MONAI imports all of itself and what it can find; without transformers that takes half the time.
    patch.setitem(sys.modules, "transformers", None)
    from monai.metrics.hausdorff_distance import compute_hausdorff_distance
    from monai.metrics.surface_dice import compute_surface_dice
    from monai.metrics.surface_distance import compute_average_surface_distance

AGREE = {"abs": 1e-6, "rel": 1e-6}
GRIDS = {
    "slice": ((40, 36), (1.0, 1.0)),
    "slice in mm": ((40, 36), (0.7, 0.9)),
    "volume": ((12, 28, 24), (1.0, 1.0, 1.0)),
    "volume in mm": ((12, 28, 24), (5.0, 0.7, 0.8)),
}


@pytest.fixture(params=GRIDS)
def pair(request):
    """Two overlapping, ragged masks and their spacing; one touches the edge of the array."""
    shape, spacing = GRIDS[request.param]
    random = np.random.default_rng(len(request.param))
    smooth = ndimage.gaussian_filter(random.normal(size=shape), 2)
    moved = np.roll(smooth, 2, axis=-1) + 0.02 * random.normal(size=shape)
    a, b = smooth > 0.02, moved > 0.03
    assert a.any() and b.any() and (a & b).any() and a[..., 0].any()
    return a, b, spacing


def test_overlap_is_medpy_s_and_surface_distance_s(pair):
    a, b, _ = pair
    case = metrics.mask_counts(a, b)
    assert metrics.dice(case) == pytest.approx(medpy.dc(a, b), **AGREE)
    assert metrics.dice(case) == pytest.approx(surface_distance.compute_dice_coefficient(b, a), **AGREE)
    assert metrics.volume_overlap_error(case) == pytest.approx(1 - medpy.jc(a, b), **AGREE)
    assert metrics.precision(case) == pytest.approx(medpy.precision(a, b), **AGREE)
    assert metrics.recall(case) == pytest.approx(medpy.recall(a, b), **AGREE)
    assert metrics.specificity(case, a.size) == pytest.approx(medpy.specificity(a, b), **AGREE)


def test_volume_difference_is_medpy_s_and_that_of_lits_its_swapped_call(pair):
    a, b, _ = pair
    case = metrics.mask_counts(a, b)
    assert metrics.relative_difference(case) == pytest.approx(medpy.ravd(a, b), **AGREE)
    assert metrics.relative_difference_lits(case) == pytest.approx(medpy.ravd(b, a), **AGREE)


@pytest.mark.parametrize("connectivity", [1, 2])
def test_distances_are_medpy_s(pair, connectivity):
    a, b, spacing = pair
    found = surfaces.surface_distances(a, b, spacing, connectivity)
    options = {"voxelspacing": spacing, "connectivity": connectivity}
    assert surfaces.maximum_distance(found) == pytest.approx(medpy.hd(a, b, **options), **AGREE)
    assert surfaces.average_distance(found) == pytest.approx(medpy.assd(a, b, **options), **AGREE)
    assert float(found.to_reference.mean()) == pytest.approx(medpy.asd(a, b, **options), **AGREE)
    assert float(found.to_prediction.mean()) == pytest.approx(medpy.asd(b, a, **options), **AGREE)


def test_distances_are_monai_s_at_its_connectivity_of_1(pair):
    a, b, spacing = pair
    found = surfaces.surface_distances(a, b, spacing, connectivity=1)
    masks = [torch.from_numpy(mask)[None, None].float() for mask in (a, b)]
    options = {"include_background": True, "spacing": list(spacing)}
    average = compute_average_surface_distance(*masks, symmetric=True, **options)
    assert surfaces.average_distance(found) == pytest.approx(float(average), **AGREE)
    for percent, ours in ((None, surfaces.maximum_distance), (95, surfaces.hausdorff_percentile)):
        theirs = compute_hausdorff_distance(*masks, percentile=percent, **options)
        assert ours(found) == pytest.approx(float(theirs), **AGREE)
    for tolerance in (0.0, 1.1, 2.6):  # no distance of these grids, which MONAI rounds
        theirs = compute_surface_dice(*masks, [tolerance], **options)
        assert surfaces.surface_dice(found, tolerance) == pytest.approx(float(theirs), **AGREE)
