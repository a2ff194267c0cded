"""Colour pictures: annotations, tints and overlays are read, photographs are refused."""

from __future__ import annotations

import cv2
import numpy as np
import pytest
from PIL import Image, ImageDraw

import liverseg
from liverseg.errors import NotCT
from liverseg.io.picture.colour import COLOURED_CHROMA, MAX_COLOURED_SHARE
from tests.liverseg.io.picture.displayed import displayed_grey
from tests.phantoms import make


def test_annotations_are_accepted_with_a_warning(grey, save):
    rgb = np.stack([grey] * 3, -1)
    rgb[5:8, 5:40] = 255, 255, 0
    ct = liverseg.read(save(Image.fromarray(rgb)))
    assert any("coloured" in w for w in ct.warnings)
    np.testing.assert_array_equal(displayed_grey(ct)[10:], grey[10:])


TINTS = {"blue": (0.8, 0.9, 1.0), "sepia": (1.0, 0.89, 0.69), "red only": (1, 0, 0), "cyan": (0, 1, 1)}


@pytest.mark.parametrize("name, max_error", [("a.png", 1), ("a.jpg", 12)])
@pytest.mark.parametrize("tint", TINTS.values(), ids=TINTS)
def test_tinted_slices_become_grey(tint, name, max_error, grey, save):
    tinted = np.rint(grey[..., None] * np.array(tint)).astype(np.uint8)
    options = {"quality": 95, "subsampling": 0} if name == "a.jpg" else {}
    ct = liverseg.read(save(Image.fromarray(tinted), name, **options))
    assert np.abs(displayed_grey(ct).astype(int) - grey).mean() <= max_error
    assert any("tinted" in w for w in ct.warnings)


def overlaid(share: float, border=0, rest=None) -> np.ndarray:
    """A grey disc on a background of grey `border`, with a red and green overlay on a share of the picture.

    `rest` scales the channels of the disc.
    """
    y, x = np.mgrid[:200, :200]
    body = ((y - 100) / 88) ** 2 + ((x - 100) / 92) ** 2 < 1
    rgb = np.stack([np.where(body, 90 + (x * y) % 60, border)] * 3, -1).astype(float)
    side = int(200 * share**0.5)
    part = (slice(100 - side // 2, 100 + side // 2),) * 2
    hue = np.where(((y > 100) & (x > 100))[part][..., None], [255, 0, 0], [0, 255, 0])
    rgb[part] = 0.6 * rgb[part] + 0.4 * hue
    if rest is not None:
        rgb[body] = rgb[body] * rest
    return rgb.clip(0, 255).astype(np.uint8)


@pytest.mark.parametrize("name", ["a.png", "a.jpg"])
def test_translucent_overlays_are_accepted_with_a_warning(name, save):
    ct = liverseg.read(save(Image.fromarray(overlaid(0.2)), name))
    assert any("drawn over" in w for w in ct.warnings)


@pytest.mark.parametrize(
    "picture",
    [
        overlaid(0.2, border=200),  # background not black
        overlaid(0.45),  # overlay too large
        overlaid(0.2, rest=[1, 0.6, 0.3]),  # disc coloured too
    ],
)
def test_other_coloured_pictures_are_refused(picture, save):
    with pytest.raises(NotCT, match="colour"):
        liverseg.read(save(Image.fromarray(picture)))


def test_many_hues_on_black_are_refused(save):
    rgb = overlaid(0.0)
    y, x = np.mgrid[:80, :80]
    angle = np.arctan2(y - 40, x - 40)[..., None] + np.array([0, 2.1, 4.2])
    rgb[60:140, 60:140] = 128 + 100 * np.cos(angle)
    with pytest.raises(NotCT, match="colour"):
        liverseg.read(save(Image.fromarray(rgb)))


def photograph(rows=120, columns=160) -> Image.Image:
    """Blue sky over green grass."""
    y, x = np.mgrid[:rows, :columns]
    sky = np.stack([80 + y / 2, 120 + y / 3, 230 - y / 4], -1)
    grass = np.stack([60 + x / 5, 140 - x / 8, 40 + y / 9], -1)
    return Image.fromarray(np.where(y[..., None] < 60, sky, grass).astype(np.uint8))


@pytest.mark.parametrize("name", ["a.png", "a.jpg"])
def test_photographs_are_refused(name, save):
    with pytest.raises(NotCT, match="colour"):
        liverseg.read(save(photograph(), name))


def shown_slice() -> np.ndarray:
    """A phantom in the window 40/400 as RGB (512, 512, 3) uint8, all grey."""
    hu = make("slice", seed=3, size=512).hu.squeeze()
    return np.repeat(np.clip((hu + 160) / 400 * 255, 0, 255).round().astype(np.uint8)[..., None], 3, -1)


def annotated(rgb: np.ndarray) -> Image.Image:
    """A screenshot: yellow text, a green arrow and a red ellipse on the slice."""
    image = Image.fromarray(rgb)
    pen = ImageDraw.Draw(image)
    pen.text((20, 20), "R 12 mm", fill=(255, 255, 0), font_size=30)
    pen.line((100, 100, 300, 240), fill=(0, 255, 0), width=4)
    pen.ellipse((200, 200, 330, 300), outline=(255, 0, 0), width=4)
    return image


SLIGHT_TINTS = {"grey": (1, 1, 1), "warm": (1, 0.97, 0.94), "cool": (0.93, 0.97, 1)}
JPEG_75 = {"quality": 75, "subsampling": 2}


@pytest.mark.parametrize("name, options", [("a.png", {}), ("a.jpg", JPEG_75), ("a.jpg", {"quality": 30})])
@pytest.mark.parametrize("tint", SLIGHT_TINTS.values(), ids=SLIGHT_TINTS)
def test_screenshots_with_annotations_and_a_slight_tint_are_read_with_a_warning(tint, name, options, save):
    tinted = np.rint(shown_slice() * np.array(tint)).astype(np.uint8)
    ct = liverseg.read(save(annotated(tinted), name, **options))
    assert any("coloured" in w for w in ct.warnings)
    seen = np.ones((512, 512), bool)
    seen[15:60, 15:160] = seen[95:305, 95:335] = False  # the annotations
    expected = shown_slice()[..., 0].astype(int)
    assert np.abs(displayed_grey(ct).astype(int) - expected)[seen].mean() < 9


@pytest.mark.parametrize("name, options", [("a.png", {}), ("a.jpg", JPEG_75)])
def test_a_grey_slice_saved_in_colour_is_read_without_a_warning_about_it(name, options, save):
    ct = liverseg.read(save(Image.fromarray(shown_slice()), name, **options))
    assert not any("colour" in w or "tint" in w for w in ct.warnings)
    assert np.abs(displayed_grey(ct).astype(int) - shown_slice()[..., 0]).mean() < 3


def muted(strength: float, exposure: float = 1.0) -> np.ndarray:
    """A scene whose hue changes from place to place, with channels up to `strength` apart, on black."""
    rng = np.random.default_rng(1)
    hue, light = (cv2.resize(rng.random((12, 12)), (256, 256), interpolation=cv2.INTER_CUBIC) for _ in "ab")
    phase = 2 * np.pi * hue[..., None] + np.array([0, 2.1, 4.2])
    scene = 60 + 150 * light[..., None] + strength / 2 * np.cos(phase)
    scene[:20] = scene[-20:] = 0
    scene[:, :20] = scene[:, -20:] = 0
    return (scene * exposure).clip(0, 255).astype(np.uint8)


@pytest.mark.parametrize("name, options", [("a.png", {}), ("a.jpg", JPEG_75)])
@pytest.mark.parametrize("strength, exposure", [(16, 1), (18, 1), (60, 0.25)])
def test_photographs_of_weak_colours_are_refused_in_one_sentence(strength, exposure, name, options, save):
    picture = muted(strength, exposure)
    assert (np.ptp(picture.astype(int), axis=-1) > COLOURED_CHROMA).mean() <= MAX_COLOURED_SHARE
    with pytest.raises(NotCT, match=r"^This is a colour picture .*, not a CT slice, which is grey\.$"):
        liverseg.read(save(Image.fromarray(picture), name, **options))
