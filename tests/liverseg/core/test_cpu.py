"""Number of usable processors."""

from __future__ import annotations

import pytest

from liverseg.core.cpu import shares_processors, usable_processors


@pytest.mark.parametrize("content, expected", [("200000 100000", 2), ("50000 100000", 1), ("max 100000", 8)])
def test_the_container_quota_limits_processors(tmp_path, monkeypatch, content, expected):
    monkeypatch.delenv("LIVERSEG_THREADS", raising=False)
    monkeypatch.setattr("liverseg.core.cpu._affinity_processors", lambda: 8)
    quota = tmp_path / "cpu.max"
    quota.write_text(content)
    assert usable_processors(quota) == expected
    assert shares_processors(quota) == (expected < 8)


@pytest.mark.parametrize("requested, expected", [("3", 3), ("99", 8), ("0", 8), ("many", 8), ("", 8)])
def test_the_environment_variable_only_lowers_the_number(tmp_path, monkeypatch, requested, expected):
    monkeypatch.setenv("LIVERSEG_THREADS", requested)
    monkeypatch.setattr("liverseg.core.cpu._affinity_processors", lambda: 8)
    assert usable_processors(tmp_path / "absent") == expected
