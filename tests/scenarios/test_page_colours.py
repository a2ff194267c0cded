"""The page's style sheet and scripts have the colours of `liverseg.rendering`."""

from __future__ import annotations

from liverseg.app.html.volume import DRAWING_STYLE, STATIC_FOLDER
from liverseg.rendering import colours

STYLE_SHEET = (STATIC_FOLDER / "style.css").read_text(encoding="utf-8")


def test_the_style_sheet_has_the_colours_of_areas_and_of_compared_segmentations():
    for name, rgb in (
        ("liver", colours.LIVER_ON_WHITE_RGB),
        ("tumour", colours.TUMOUR_ON_WHITE_RGB),
        ("first", colours.FIRST_RGB),
        ("second", colours.SECOND_RGB),
    ):
        assert f"--ls-{name}: {colours.css(rgb)};" in STYLE_SHEET


def test_scripts_get_the_colours_of_the_overlay():
    expected = (colours.LIVER_RGB, colours.TUMOUR_RGB, colours.UNSURE_RGB, colours.TRUTH_RGB)
    assert tuple(DRAWING_STYLE[name] for name in ("liver", "tumour", "unsure", "truth")) == expected
