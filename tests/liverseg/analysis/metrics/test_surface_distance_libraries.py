"""Surface distances agree to 1e-6 with medpy, which LiTS uses, and with MONAI.

medpy is GPL, so only tests use it; the installed package does not.
"""

from __future__ import annotations

import sys

import medpy.metric.binary as medpy
import pytest
import torch

from liverseg.analysis.metrics import surface_distance as surfaces

with pytest.MonkeyPatch.context() as patch:
    # MONAI imports every optional package; without transformers the import takes half the time.
    patch.setitem(sys.modules, "transformers", None)
    from monai.metrics.hausdorff_distance import compute_hausdorff_distance
    from monai.metrics.surface_dice import compute_surface_dice
    from monai.metrics.surface_distance import compute_average_surface_distance

AGREE = {"abs": 1e-6, "rel": 1e-6}


@pytest.mark.parametrize("connectivity", [1, 2])
def test_distances_agree_with_medpy(pair, connectivity):
    a, b, spacing = pair
    found = surfaces.surface_distances(a, b, spacing, connectivity)
    options = {"voxelspacing": spacing, "connectivity": connectivity}
    assert surfaces.maximum_distance(found) == pytest.approx(medpy.hd(a, b, **options), **AGREE)
    assert surfaces.average_distance(found) == pytest.approx(medpy.assd(a, b, **options), **AGREE)
    assert float(found.to_reference.mean()) == pytest.approx(medpy.asd(a, b, **options), **AGREE)
    assert float(found.to_prediction.mean()) == pytest.approx(medpy.asd(b, a, **options), **AGREE)


def test_distances_agree_with_monai_at_connectivity_1(pair):
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
