"""The picture of a follow-up: one row for each lesion, and a ring where a scan does not show it."""

from __future__ import annotations

import numpy as np
import pytest

from liverseg.analysis.follow.follow_up import MeasuredScan, follow_scans
from liverseg.analysis.measure import measure
from liverseg.rendering import follow as rendering
from liverseg.rendering.colours import TEXT_RGB, TUMOUR_RGB
from tests.liverseg.analysis.follow.moved_scans import Grid, Sphere, motion, scan
from tests.liverseg.analysis.scenes import segmentation

STEADY, COMING = Sphere((0, 0, 30), 12), Sphere((30, 10, -50), 9)


def measured(*lesions: Sphere, **options) -> MeasuredScan:
    ct, labels = scan(lesions, **options)
    seg = segmentation(labels)
    return MeasuredScan(ct, seg, measure(ct, seg))


@pytest.fixture(scope="module")
def scans():
    return measured(STEADY), measured(STEADY, COMING, moved_by=motion((0, 0, 5), (5, 0, 10)))


def halves(picture: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    return picture[:, : rendering.PANEL_PX], picture[:, -rendering.PANEL_PX :]


def pixels(picture: np.ndarray, colour) -> np.ndarray:
    return np.argwhere((np.abs(picture.astype(int) - colour) < 40).all(axis=2))


def test_a_matched_and_a_new_lesion_have_a_row_with_both_scans(scans, monkeypatch):
    found = follow_scans(*scans)
    picture = rendering.follow_picture(*scans, found)
    assert picture.dtype == np.uint8 and picture.shape[1] == 2 * rendering.PANEL_PX + rendering.GAP_PX
    monkeypatch.setattr(rendering, "MAX_ROWS", 1)
    first = rendering.follow_picture(*scans, found)
    rows = len(picture) - len(first)
    second = picture[len(first) :]
    assert 500 < rows < 700 and np.array_equal(picture[rendering.TITLE_PX : len(first)], first[44:])
    assert len(pixels(halves(first)[0], TUMOUR_RGB)) > 100 < len(pixels(halves(first)[1], TUMOUR_RGB))
    body = slice(rendering.TITLE_PX + rendering.CAPTION_PX, -60)  # without title, caption and legend
    without, with_new = (half[body] for half in halves(second))
    assert not len(pixels(without, TUMOUR_RGB)) and len(pixels(with_new, TUMOUR_RGB)) > 100


def test_the_ring_lies_around_the_place_of_the_new_lesion(scans):
    found = follow_scans(*scans)
    new = found.lesions[1]
    panel, shown = rendering._panels(new, *scans, found)
    ct, _ = scan((COMING,))
    expected = np.argwhere(scan((COMING,))[1] == 2).mean(axis=0)  # where the baseline would have it
    assert panel.slice_index == pytest.approx(expected[0], abs=1) and shown.ring is None
    assert panel.ring[:2] == pytest.approx(expected[1:], abs=1) and panel.ring[2] == pytest.approx(9, abs=1)
    plain = rendering._panel_image(
        scans[0], "Baseline", rendering._Panel(panel.slice_index), rendering.DEFAULT_WINDOW
    )
    ringed = rendering._panel_image(scans[0], "Baseline", panel, rendering.DEFAULT_WINDOW)
    changed = np.argwhere((plain != ringed).any(axis=2))
    middle = (changed.min(axis=0) + changed.max(axis=0)) / 2 - [rendering.CAPTION_PX, 0]
    scale = rendering.PANEL_PX / ct.shape[2]
    assert middle == pytest.approx((expected[1:] + 0.5) * scale, abs=2 * scale)
    assert len(pixels(ringed[rendering.CAPTION_PX :], TEXT_RGB)) > len(
        pixels(plain[rendering.CAPTION_PX :], TEXT_RGB)
    )


def test_a_place_outside_the_scan_is_a_caption_and_no_lesions_a_picture_of_both():
    short = measured(STEADY, grid=Grid((3.0, 2.0, 2.0), (110.0, 160.0, 190.0), above_mm=25.0))
    whole = measured(STEADY, COMING)
    found = follow_scans(whole, short)
    first, second = rendering._panels(found.lesions[1], whole, short, found)
    assert first.slice_index is not None and second.slice_index is None
    image = rendering._panel_image(short, "Follow-up", second, rendering.DEFAULT_WINDOW)
    assert image.shape == (rendering.CAPTION_PX, rendering.PANEL_PX, 3) and image.any()
    empty = measured()
    picture = rendering.follow_picture(empty, empty, follow_scans(empty, empty))
    assert 500 < len(picture) < 800 and all(half.any() for half in halves(picture))
