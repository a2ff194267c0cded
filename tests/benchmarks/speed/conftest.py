from __future__ import annotations

import pytest

from benchmarks.speed import sections, store
from benchmarks.speed.rows import NotMeasured
from benchmarks.speed.sections import Context, Section
from tests.benchmarks.speed.sample_rows import ROW


@pytest.fixture
def context(tmp_path):
    """The context of a quick run with one thread."""
    return Context(tmp_path, threads=1, quick=True)


@pytest.fixture
def fake_sections(monkeypatch):
    """Three sections in place of the real ones: one works, one lacks a package, one fails."""

    def measure(context):
        return [ROW]

    def lacking(context):
        raise NotMeasured("transformers is not installed.")

    def broken(context):
        raise ZeroDivisionError

    fakes = {}
    for name, function in {"m": measure, "l": lacking, "b": broken}.items():
        monkeypatch.setattr(sections, f"fake_{name}", function, raising=False)
        fakes[name] = Section(name, f"Section {name}", f"benchmarks.speed.sections:fake_{name}")
    monkeypatch.setattr(sections, "SECTIONS", fakes)
    monkeypatch.setattr(store, "SECTIONS", fakes)
    return fakes
