"""16-bit pictures: HU with an offset, grey of a window, and values of unknown meaning."""

from __future__ import annotations

import cv2
import numpy as np
import pytest
from PIL import Image

import liverseg
from liverseg.core.window import DEFAULT_WINDOW
from liverseg.errors import UnreadableInput
from liverseg.io.picture.sixteen_bit import hu_or_unit
from tests.liverseg.io.picture.displayed import displayed_grey
from tests.phantoms import make


def test_full_range_values_span_the_window(synthetic_hu, save):
    stored = ((synthetic_hu().clip(-160, 240) + 160) / 400 * 65535).round().astype(np.uint16)
    ct = liverseg.read(save(Image.fromarray(stored)))
    np.testing.assert_allclose(ct.hu[0], synthetic_hu().clip(-160, 240), atol=0.01)
    assert any("16 bits" in w and "stores HU" not in w for w in ct.warnings)


HU_WITH_OFFSET = {  # encoding, and the offset in the warning
    "HU + 1024": (lambda hu: hu + 1024, "1024"),
    "HU + 1024 in the upper 12 bits": (lambda hu: (hu + 1024) * 16, "1024 in the upper 12"),
    "HU + 32768": (lambda hu: hu + 32768, "32768"),
}


@pytest.mark.parametrize("store, offset", HU_WITH_OFFSET.values(), ids=HU_WITH_OFFSET)
def test_hu_with_an_offset_are_read_as_hu(store, offset, synthetic_hu, save):
    hu = synthetic_hu(256, 300).astype(np.int32)
    hu[:3] = -1024  # padding
    ct = liverseg.read(save(Image.fromarray(store(hu).astype(np.uint16))), window=(60, 200))
    np.testing.assert_array_equal(ct.hu[0], hu)
    assert ct.assumed_window is None and ct.spacing_mm is None
    assert any(f"HU + {offset}" in w for w in ct.warnings) and any("in pixels" in w for w in ct.warnings)
    assert not any("stores grey" in w for w in ct.warnings)


@pytest.mark.parametrize("factor", [1, 16])
@pytest.mark.parametrize("noise_hu", [0, 20])
@pytest.mark.parametrize("seed", range(3))
@pytest.mark.parametrize("offset", [1000, 1024])
def test_the_offset_is_told_by_the_peak_of_air(offset, seed, noise_hu, factor):
    """With an offset of 1000 the lower half of air is cut at 0; outside the field of view all is 0."""
    hu = make("slice", seed=seed, size=192).hu.reshape(192, 192)
    hu = np.round(hu + np.random.default_rng(seed).normal(0, noise_hu, hu.shape)).astype(int)
    stored = (hu + offset).clip(0)
    stored[np.hypot(*(np.mgrid[:192, :192] - 95.5)) > 92] = 0
    values, is_hu, warning = hu_or_unit(stored * factor)
    assert is_hu and f"HU + {offset}" in warning and ("24 HU lower" in warning) == (offset == 1000)
    inside = stored > 0
    np.testing.assert_array_equal(values[inside], hu[inside])
    assert values[~inside].max() <= -1000


@pytest.mark.parametrize(
    "store",
    [
        lambda hu: hu.clip(-160, 240) + 160,  # a part of a window
        lambda hu: (hu.clip(-160, 240) + 160) / 400 * 4095,  # 12 bits of a window
        lambda hu: (hu.clip(-500, 1300) + 500) / 1800 * 4095,  # like HU + 1024, but air is clipped to 0
        lambda hu: hu.clip(0) + 1024,  # HU + 1024 without air
        lambda hu: hu.clip(-500) + 32768,
        lambda hu: (hu.clip(0) + 1024) * 16,
    ],
)
def test_values_of_unknown_meaning_are_refused(store, synthetic_hu, save):
    path = save(Image.fromarray(store(synthetic_hu(256, 300).astype(float)).astype(np.uint16)))
    with pytest.raises(UnreadableInput, match="8 bits and a known window, or as NIfTI or DICOM"):
        liverseg.read(path)


def test_8_bit_grey_in_16_bit_words(grey, save):
    ct = liverseg.read(save(Image.fromarray(grey.astype(np.uint16))))
    np.testing.assert_array_equal(displayed_grey(ct), grey)
    assert any("8-bit grey" in w for w in ct.warnings)


@pytest.mark.parametrize("depth", [12, 16])
def test_12_and_16_bit_grey_spans_the_window(depth, synthetic_hu, save):
    top = 2**depth - 1
    stored = np.round((synthetic_hu().clip(-160, 240) + 160) / 400 * top).astype(np.uint16) << (16 - depth)
    ct = liverseg.read(save(Image.fromarray(stored)))
    np.testing.assert_allclose(ct.hu[0], synthetic_hu().clip(-160, 240), atol=0.2)
    assert ct.assumed_window == DEFAULT_WINDOW


def test_dark_16_bit_colour_is_refused(synthetic_hu, tmp_path):
    values = (synthetic_hu() + 1024).astype(np.uint16)
    cv2.imwrite(str(tmp_path / "a.png"), np.stack([values] * 3, -1))
    with pytest.raises(UnreadableInput, match="part of their range"):
        liverseg.read(tmp_path / "a.png")
