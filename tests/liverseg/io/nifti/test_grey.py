"""Grey values, HU in bytes, and label maps."""

from __future__ import annotations

import struct

import numpy as np
import pytest

import liverseg
from liverseg.core.window import Window, to_grey
from liverseg.errors import NotCT
from tests.liverseg.io.nifti.nifti_files import patched, stored


def test_hu_are_rebuilt_from_grey_through_the_window(volume, write):
    grey = to_grey(volume, Window(60, 200))
    ct = liverseg.read(write(stored(grey)), window=(60, 200))
    assert ct.assumed_window == Window(60, 200) and ct.spacing_mm is not None
    np.testing.assert_array_equal(to_grey(ct.hu, Window(60, 200)), grey)
    assert any("60/200" in w for w in ct.warnings)
    unit = liverseg.read(write(stored(grey / np.float32(255))), window=(60, 200))
    np.testing.assert_allclose(unit.hu, ct.hu, atol=1e-3)
    assert liverseg.read(write(stored(grey))).assumed_window == Window(40, 400)


def test_16_bit_values_clipped_to_0_and_255_are_hu(volume, write):
    saturated = volume.clip(0, 255).astype(np.int16)
    assert saturated.min() == 0 and saturated.max() == 255
    ct = liverseg.read(write(stored(saturated)), window=(60, 200))
    assert ct.assumed_window is None
    np.testing.assert_array_equal(ct.hu, saturated)


def test_scaled_bytes_are_hu(write, synthetic_hu):
    array = np.clip((synthetic_hu() + 1024) // 8, 0, 255).astype(np.uint8)[..., None]
    ct = liverseg.read(patched(write(array, name="a.nii"), {112: struct.pack("<2f", 8, -1024)}))
    assert ct.assumed_window is None and ct.hu.min() <= -1000


def test_label_maps_are_refused(volume, write):
    with pytest.raises(NotCT, match="label"):
        liverseg.read(write(stored((volume > 0).astype(np.uint8))))
