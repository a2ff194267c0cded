from __future__ import annotations

from benchmarks.speed.sections import SECTIONS


def test_every_section_names_an_existing_function():
    for section in SECTIONS.values():
        module, function = section.function.split(":")
        assert callable(getattr(__import__(module, fromlist=[function]), function))
