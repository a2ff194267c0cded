from __future__ import annotations

from benchmarks.speed import store
from benchmarks.speed.running import run_sections
from tests.benchmarks.speed.sample_rows import MACHINE


def test_writing_replaces_only_the_measured_sections(fake_sections, tmp_path):
    page = tmp_path / "BENCHMARKS.md"
    first, second, _ = run_sections(list(fake_sections.values()), 1, True, lambda line: None)
    store.write(page, [second], MACHINE, "the command for l")
    store.write(page, [first], MACHINE, "the command for m")
    text = page.read_text()
    assert text.index("## Section m") < text.index("## Section l")  # in their own order
    assert "the command for l" in text and "the command for m" in text
    assert text.count("a processor") == 1  # the same machine is described once
    assert list(store.load(tmp_path / store.STORE)) == ["m", "l"]
