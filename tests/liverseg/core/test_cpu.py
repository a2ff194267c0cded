"""The number of usable processors."""

from __future__ import annotations

from liverseg.core.cpu import usable_processors


def test_the_container_quota_limits_the_processors(tmp_path):
    quota = tmp_path / "cpu.max"
    quota.write_text("100000 100000\n")
    assert usable_processors(quota) == 1
    quota.write_text("max 100000\n")
    assert usable_processors(quota) == usable_processors(tmp_path / "absent") >= 1
