from __future__ import annotations

import cv2
import numpy as np
import pytest

from benchmarks.speed import reading
from benchmarks.speed.rows import NotMeasured


def test_datasets_with_different_pictures_are_not_compared(tmp_path):
    for folder, value in (("a", 1), ("b", 1), ("c", 2)):
        (tmp_path / folder / "images").mkdir(parents=True)
        cv2.imwrite(str(tmp_path / folder / "images" / "x.png"), np.full((3, 3), value, np.uint8))
    assert reading.equal_pictures(tmp_path / "a", tmp_path / "b") == 1
    with pytest.raises(NotMeasured, match="x.png"):
        reading.equal_pictures(tmp_path / "a", tmp_path / "c")
