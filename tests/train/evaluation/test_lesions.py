"""Lesion numbers by size."""

from __future__ import annotations


def test_lesions_are_grouped_by_size_in_mm_or_pixels(found):
    sizes = found["lesions"]["overlap_50"]
    assert set(sizes) == {
        "all", "under_10_mm", "10_to_20_mm", "over_20_mm", "under_10_px", "10_to_20_px", "over_20_px",
    }  # fmt: skip
    assert (sizes["over_20_mm"]["reference_lesions"], sizes["over_20_mm"]["recall"]["value"]) == (1, 1)
    assert sizes["under_10_mm"]["recall"]["value"] == 0 and sizes["under_10_px"]["recall"]["value"] is None
    assert found["summary"]["tumour"]["lesion_recall"]["value"] == 1 / 4
