"""What the sections of a scan, of many users and of preparing say of what they measured."""

import threading
import time

import cv2
import numpy as np
import pytest

import liverseg
from benchmarks.speed import phantom_scan, reading, scan, users
from benchmarks.speed.rows import NotMeasured
from benchmarks.speed.sections import Context
from benchmarks.speed.steps import STEPS

RUN = dict(zip(STEPS, (0.1, 8.0, 0.1, 0.1, 0.5), strict=True))
FACTS = {"peak_gb": 0.9, "product": 0.1, "engine": "any", "slices": 119, "run": 81}


def test_a_scan_is_told_in_matrix_products_and_beside_the_network():
    row = scan._row("B0", [RUN | FACTS, RUN | FACTS | {"peak_gb": 1.1}], is_scan=True)
    values = {name: round(ratio.value, 3) for name, ratio in row.ratios.items()}
    assert list(values.values()) == [0.1, 88.0, round(1250 / 88, 3), 1.1]
    assert [ratio.met for ratio in row.ratios.values()] == [True, False, False, True]
    assert "81 of 119" in row.note and list(row.variants) == list(STEPS)
    assert list(scan._row("slice", [RUN | FACTS], is_scan=False).ratios) == ["memory at the peak, GB"]


def test_the_scan_is_read_as_it_was_made(tmp_path, monkeypatch):
    monkeypatch.setattr(phantom_scan.tempfile, "gettempdir", lambda: str(tmp_path))
    made = phantom_scan.scan(5, 2, 64)
    assert np.array_equal(phantom_scan.scan(5, 2, 64).hu, made.hu)  # kept, and the same
    assert not np.array_equal(made.hu[0], made.hu[1])  # noise of its own
    for format in ("nifti", "dicom"):
        ct = liverseg.read(phantom_scan.write(made, tmp_path / format, format))
        assert ct.shape == (5, 64, 64) and np.array_equal(ct.hu, made.hu)
    lone = phantom_scan.write(phantom_scan.lone_slice(made), tmp_path / "slice", "nifti")
    assert np.array_equal(liverseg.read(lone).hu, made.hu[2:3])


class PageOfOne:
    """Answers one at a time, as the page does."""

    def __init__(self):
        self.lock = threading.Lock()

    def segment(self, file, checkpoint):
        with self.lock:
            time.sleep(0.002)

    def memory_gb(self):
        return 1.0


def test_many_users_are_measured_against_one(tmp_path):
    row = users._together(PageOfOne(), tmp_path, Context(tmp_path, quick=True))
    throughput, waiting = row.ratios.values()
    assert throughput.value > 0.3 and 0.2 < waiting.value < 3
    assert users._memory(PageOfOne(), tmp_path, 20, Context(tmp_path)).met


def test_pictures_that_differ_are_no_comparison(tmp_path):
    for folder, value in (("a", 1), ("b", 1), ("c", 2)):
        (tmp_path / folder / "images").mkdir(parents=True)
        cv2.imwrite(str(tmp_path / folder / "images" / "x.png"), np.full((3, 3), value, np.uint8))
    assert reading.equal_pictures(tmp_path / "a", tmp_path / "b") == 1
    with pytest.raises(NotMeasured, match="x.png"):
        reading.equal_pictures(tmp_path / "a", tmp_path / "c")
