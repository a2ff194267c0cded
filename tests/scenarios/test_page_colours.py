"""The page's header, style sheet and scripts have the colours of `liverseg.rendering`."""

from __future__ import annotations

from liverseg.app.html import page_text
from liverseg.app.html.scripts import STATIC_FOLDER
from liverseg.app.html.volume import DRAWING_STYLE
from liverseg.rendering import colours

STYLE_SHEET = (STATIC_FOLDER / "style.css").read_text(encoding="utf-8")


def test_the_page_has_the_colours_of_the_overlay():
    for name, (red, green, blue) in (
        ("liver", colours.LIVER_RGB),
        ("tumour", colours.TUMOUR_RGB),
        ("unsure", colours.UNSURE_RGB),
    ):
        assert f"--ls-{name}:rgb({red} {green} {blue});" in page_text.header()
        assert f"--ls-{name}:" not in STYLE_SHEET, "only the header sets them"
        assert f"var(--ls-{name})" in STYLE_SHEET


def test_the_style_sheet_has_the_colours_of_compared_segmentations():
    for name, rgb in (("first", colours.FIRST_RGB), ("second", colours.SECOND_RGB)):
        assert f"--ls-{name}: {colours.css(rgb)};" in STYLE_SHEET


def test_scripts_get_the_colours_of_the_overlay():
    expected = (colours.LIVER_RGB, colours.TUMOUR_RGB, colours.UNSURE_RGB, colours.TRUTH_RGB)
    assert tuple(DRAWING_STYLE[name] for name in ("liver", "tumour", "unsure", "truth")) == expected
