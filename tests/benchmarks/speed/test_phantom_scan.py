from __future__ import annotations

import numpy as np

import liverseg
from benchmarks.speed import phantom_scan


def test_a_written_scan_is_read_back_unchanged(tmp_path, monkeypatch):
    monkeypatch.setattr(phantom_scan.tempfile, "gettempdir", lambda: str(tmp_path))
    made = phantom_scan.scan(5, 2, 64)
    assert np.array_equal(phantom_scan.scan(5, 2, 64).hu, made.hu)  # kept, and the same
    assert not np.array_equal(made.hu[0], made.hu[1])  # noise of its own
    for format in ("nifti", "dicom"):
        ct = liverseg.read(phantom_scan.write(made, tmp_path / format, format))
        assert ct.shape == (5, 64, 64) and np.array_equal(ct.hu, made.hu)
    lone = phantom_scan.write(phantom_scan.lone_slice(made), tmp_path / "slice", "nifti")
    assert np.array_equal(liverseg.read(lone).hu, made.hu[2:3])
