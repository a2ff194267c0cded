"""PNG and JPEG: every colour mode, EXIF, what is warned of and what is refused."""

from __future__ import annotations

import io
import struct
import tracemalloc
import zlib

import cv2
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image, ImageOps

import liverseg
from liverseg.core.window import DEFAULT_WINDOW, Window, to_grey
from liverseg.errors import InputTooLarge, InputTooSmall, NotCT, UnreadableInput


@pytest.fixture
def grey(synthetic_hu):
    return to_grey(synthetic_hu(), DEFAULT_WINDOW)


@pytest.fixture
def save(tmp_path):
    def write(image, name="a.png", **options):
        path = tmp_path / name
        image.save(path, **options)
        return path

    return write


def grey_of(ct) -> np.ndarray:
    return to_grey(ct.hu[0], ct.assumed_window)


def palette(grey):
    """A palette image whose indices run against the grey they stand for."""
    image = Image.fromarray(255 - grey, "L").convert("P")
    image.putdata(list((255 - grey).ravel()))
    image.putpalette([255 - v for v in range(256) for _ in range(3)])
    return image


MODES = {
    "grey": lambda g: Image.fromarray(g),
    "RGB": lambda g: Image.fromarray(np.stack([g] * 3, -1)),
    "RGBA": lambda g: Image.fromarray(np.dstack([g, g, g, np.full_like(g, 255)])),
    "grey and alpha": lambda g: Image.fromarray(np.dstack([g, np.full_like(g, 255)]), "LA"),
    "palette": palette,
}


@pytest.mark.parametrize("make", MODES.values(), ids=MODES)
def test_modes_give_the_same_hu(make, grey, save):
    ct = liverseg.read(save(make(grey)))
    np.testing.assert_array_equal(grey_of(ct), grey)
    assert ct.hu.dtype == np.float32 and ct.shape == (1, *grey.shape)
    assert ct.spacing_mm is None and ct.spacing_source == "unknown" and ct.pixel_area_mm2 is None
    assert (ct.source_format, ct.kind, ct.assumed_window) == ("png", "slice", DEFAULT_WINDOW)
    assert "40/400" in ct.warnings[0] and "pixels" in ct.warnings[1] and len(ct.warnings) == 2
    np.testing.assert_array_equal(ct.native.to_native(ct.hu), ct.hu[0])


@settings(deadline=None, max_examples=20)
@given(center=st.integers(-500, 500), width=st.integers(1, 2000), seed=st.integers(0, 99))
def test_window_round_trip(center, width, seed, tmp_path_factory):
    grey = np.random.default_rng(seed).integers(0, 256, (64, 64), np.uint8)
    path = tmp_path_factory.getbasetemp() / "window.png"
    Image.fromarray(grey).save(path)
    for window in (Window(center, width), (center, width)):
        ct = liverseg.read(path, window=window)
        assert ct.assumed_window == Window(center, width)
        np.testing.assert_array_equal(grey_of(ct), grey)
        np.testing.assert_allclose(ct.hu[0], center - width / 2 + grey / 255 * width, atol=0.01)


def test_transparent_is_black(grey, save):
    alpha = np.full_like(grey, 255)
    alpha[:30], alpha[30:40] = 0, 128
    read = grey_of(liverseg.read(save(Image.fromarray(np.dstack([grey, alpha]), "LA"))))
    assert (read[:30] == 0).all()
    np.testing.assert_allclose(read[30:40], grey[30:40] * (128 / 255), atol=1)
    np.testing.assert_array_equal(read[40:], grey[40:])


def test_transparent_palette_entry_is_black(grey, save):
    path = save(palette(grey), transparency=0)  # index 0 is white
    read = grey_of(liverseg.read(path))
    assert (read[grey == 255] == 0).all()
    np.testing.assert_array_equal(read[grey < 255], grey[grey < 255])


def test_one_bit(grey, save):
    ct = liverseg.read(save(Image.fromarray(grey > 128)))
    assert set(np.unique(ct.hu)) == {-160.0, 240.0}
    assert any("one bit" in w for w in ct.warnings)


def test_16_bit_is_scaled_over_its_full_range(synthetic_hu, save):
    wide = ((synthetic_hu().clip(-160, 240) + 160) / 400 * 65535).round().astype(np.uint16)
    ct = liverseg.read(save(Image.fromarray(wide)))
    np.testing.assert_allclose(ct.hu[0], synthetic_hu().clip(-160, 240), atol=0.01)
    assert any("16 bits" in w and "CT numbers" not in w for w in ct.warnings)


CT_NUMBERS = {  # how HU are stored in 16 bits: the offset that the warning names
    "HU + 1024": (lambda hu: hu + 1024, "1024"),
    "HU + 1024 in the upper 12 bits": (lambda hu: (hu + 1024) * 16, "1024 in the upper 12"),
    "HU + 32768": (lambda hu: hu + 32768, "32768"),
}


@pytest.mark.parametrize("store, told", CT_NUMBERS.values(), ids=CT_NUMBERS)
def test_16_bit_ct_numbers_with_air_and_tissue_are_hu(store, told, synthetic_hu, save):
    hu = synthetic_hu(256, 300).astype(np.int32)
    hu[:3] = -1024  # padding
    ct = liverseg.read(save(Image.fromarray(store(hu).astype(np.uint16))), window=(60, 200))
    np.testing.assert_array_equal(ct.hu[0], hu)
    assert ct.assumed_window is None and ct.spacing_mm is None
    assert any(f"HU + {told}" in w for w in ct.warnings) and any("in pixels" in w for w in ct.warnings)
    assert not any("stores grey" in w for w in ct.warnings)


@pytest.mark.parametrize(
    "store",
    [
        lambda hu: hu.clip(-160, 240) + 160,  # a part of a window
        lambda hu: (hu.clip(-160, 240) + 160) / 400 * 4095,  # 12 bits of a window
        lambda hu: (hu.clip(-500, 1300) + 500) / 1800 * 4095,  # near HU + 1024, but its air is all 0
        lambda hu: hu.clip(0) + 1024,  # CT numbers without air
        lambda hu: hu.clip(-500) + 32768,
        lambda hu: (hu.clip(0) + 1024) * 16,
    ],
)
def test_16_bit_values_of_unknown_meaning_are_refused(store, synthetic_hu, save):
    path = save(Image.fromarray(store(synthetic_hu(256, 300).astype(float)).astype(np.uint16)))
    with pytest.raises(UnreadableInput, match="8 bits and a known window, or as NIfTI or DICOM"):
        liverseg.read(path)


def test_8_bit_grey_in_16_bits(grey, save):
    ct = liverseg.read(save(Image.fromarray(grey.astype(np.uint16))))
    np.testing.assert_array_equal(grey_of(ct), grey)
    assert any("8-bit grey" in w for w in ct.warnings)


@pytest.mark.parametrize("depth", [12, 16])
def test_12_and_16_bit_windows_over_the_whole_word_go_through_the_window(depth, synthetic_hu, save):
    top = 2**depth - 1
    wide = np.round((synthetic_hu().clip(-160, 240) + 160) / 400 * top).astype(np.uint16) << (16 - depth)
    ct = liverseg.read(save(Image.fromarray(wide)))
    np.testing.assert_allclose(ct.hu[0], synthetic_hu().clip(-160, 240), atol=0.2)
    assert ct.assumed_window == DEFAULT_WINDOW


def test_16_bit_colour_that_would_be_black_is_refused(synthetic_hu, tmp_path):
    values = (synthetic_hu() + 1024).astype(np.uint16)
    cv2.imwrite(str(tmp_path / "a.png"), np.stack([values] * 3, -1))
    with pytest.raises(UnreadableInput, match="part of their range"):
        liverseg.read(tmp_path / "a.png")


def test_jpeg(grey, save):
    smooth = Image.fromarray(grey)
    for image in (smooth, smooth.convert("RGB")):
        ct = liverseg.read(save(image, "a.jpg", quality=95))
        assert ct.source_format == "jpeg"
        assert np.abs(grey_of(ct).astype(int) - grey).mean() < 3


@pytest.mark.parametrize("orientation", range(1, 9))
def test_exif_orientation(orientation, grey, save, tmp_path):
    exif = Image.Exif()
    exif[0x0112] = orientation
    path = save(Image.fromarray(grey), "a.jpg", quality=95, exif=exif)
    with Image.open(path) as image:
        stored = np.asarray(image)
        upright = np.asarray(ImageOps.exif_transpose(image))
    ct = liverseg.read(path)
    np.testing.assert_array_equal(grey_of(ct), upright)
    np.testing.assert_array_equal(ct.native.to_native(to_grey(ct.hu, DEFAULT_WINDOW)), stored)


def test_few_coloured_annotations_are_tolerated(grey, save):
    rgb = np.stack([grey] * 3, -1)
    rgb[5:8, 5:40] = 255, 255, 0
    ct = liverseg.read(save(Image.fromarray(rgb)))
    assert any("coloured" in w for w in ct.warnings)
    np.testing.assert_array_equal(grey_of(ct)[10:], grey[10:])


TINTS = {"blue": (0.8, 0.9, 1.0), "sepia": (1.0, 0.89, 0.69), "red only": (1, 0, 0), "cyan": (0, 1, 1)}


@pytest.mark.parametrize("name, exact", [("a.png", 1), ("a.jpg", 12)])
@pytest.mark.parametrize("tint", TINTS.values(), ids=TINTS)
def test_a_tinted_slice_is_grey(tint, name, exact, grey, save):
    tinted = np.rint(grey[..., None] * np.array(tint)).astype(np.uint8)
    options = {"quality": 95, "subsampling": 0} if name == "a.jpg" else {}
    ct = liverseg.read(save(Image.fromarray(tinted), name, **options))
    assert np.abs(grey_of(ct).astype(int) - grey).mean() <= exact
    assert any("tinted" in w for w in ct.warnings)


def overlaid(share: float, border=0, rest=None) -> np.ndarray:
    """A grey disc on `border`, with a translucent red-and-green overlay on a part of the picture."""
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
def test_a_translucent_overlay_on_a_slice_is_tolerated(name, save):
    ct = liverseg.read(save(Image.fromarray(overlaid(0.2)), name))
    assert any("drawn over" in w for w in ct.warnings)


@pytest.mark.parametrize(
    "picture",
    [
        overlaid(0.2, border=200),  # no black around it
        overlaid(0.45),  # too much
        overlaid(0.2, rest=[1, 0.6, 0.3]),  # the rest is coloured too
    ],
)
def test_coloured_pictures_that_are_no_overlay_are_refused(picture, save):
    with pytest.raises(NotCT, match="colour"):
        liverseg.read(save(Image.fromarray(picture)))


def test_many_hues_on_black_are_refused(save):
    rgb = overlaid(0.0)
    y, x = np.mgrid[:80, :80]
    turn = np.arctan2(y - 40, x - 40)[..., None] + np.array([0, 2.1, 4.2])
    rgb[60:140, 60:140] = 128 + 100 * np.cos(turn)
    with pytest.raises(NotCT, match="colour"):
        liverseg.read(save(Image.fromarray(rgb)))


def photograph(rows=120, columns=160) -> Image.Image:
    y, x = np.mgrid[:rows, :columns]
    sky = np.stack([80 + y / 2, 120 + y / 3, 230 - y / 4], -1)
    grass = np.stack([60 + x / 5, 140 - x / 8, 40 + y / 9], -1)
    return Image.fromarray(np.where(y[..., None] < 60, sky, grass).astype(np.uint8))


@pytest.mark.parametrize("name", ["a.png", "a.jpg"])
def test_photograph_is_refused(name, save):
    with pytest.raises(NotCT, match="colour"):
        liverseg.read(save(photograph(), name))


@pytest.mark.parametrize(
    "image, sentence",
    [
        (np.full((64, 64), 120), "uniform"),
        (np.random.default_rng(0).integers(0, 256, (64, 64)), "noise"),
        (np.tile(np.linspace(60, 255, 64), (64, 1)), "air"),
    ],
)
def test_grey_that_does_not_look_like_ct_is_warned_of(image, sentence, save):
    ct = liverseg.read(save(Image.fromarray(image.astype(np.uint8))))
    assert any(sentence in w for w in ct.warnings)


def chunk(kind: bytes, data: bytes) -> bytes:
    return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))


def tiny_png(side: int, filler: int = 1000) -> bytes:
    """A PNG of a few bytes that says it has side × side pixels."""
    header = struct.pack(">IIBBBBB", side, side, 8, 0, 0, 0, 0)
    data = zlib.compress(bytes(filler))
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", data) + chunk(b"IEND", b"")


@pytest.mark.parametrize("side", [2049, 10_000, 30_000, 2**31 - 1])
def test_huge_picture_is_refused_before_it_is_decoded(side, tmp_path):
    (tmp_path / "a.png").write_bytes(tiny_png(side))
    tracemalloc.start()
    with pytest.raises(InputTooLarge):
        liverseg.read(tmp_path / "a.png")
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 10e6


def test_huge_jpeg_is_refused_before_it_is_decoded(save, tmp_path):
    path = save(Image.new("L", (64, 64)), "a.jpg")
    raw = path.read_bytes()
    at = raw.index(b"\xff\xc0")
    path.write_bytes(raw[: at + 5] + struct.pack(">HH", 30_000, 30_000) + raw[at + 9 :])
    with pytest.raises(InputTooLarge):
        liverseg.read(path)


def test_small_picture_is_refused(save):
    with pytest.raises(InputTooSmall, match="64"):
        liverseg.read(save(Image.new("L", (63, 200))))


def test_animation_is_refused(grey, save):
    frames = [Image.fromarray(np.roll(grey, k, axis=0)) for k in range(3)]
    with pytest.raises(UnreadableInput, match="animation"):
        liverseg.read(save(frames[0], save_all=True, append_images=frames[1:]))


@pytest.mark.parametrize("kind", ["GIF", "BMP", "TIFF", "WEBP"])
def test_other_picture_formats_are_named(kind, grey, tmp_path):
    Image.fromarray(grey).save(tmp_path / "a.png", kind)
    with pytest.raises(UnreadableInput, match=f"(?i){kind}"):
        liverseg.read(tmp_path / "a.png")


@pytest.mark.parametrize("name", ["a.png", "a.jpg"])
@pytest.mark.parametrize("share", [0.02, 0.5, 0.9])
def test_truncated_picture_is_refused(name, share, grey, save):
    path = save(Image.fromarray(grey), name)
    raw = path.read_bytes()
    path.write_bytes(raw[: max(20, int(len(raw) * share))])
    with pytest.raises(UnreadableInput):
        liverseg.read(path)


def test_text_bomb_in_a_png_is_refused(grey, tmp_path):
    buffer = io.BytesIO()
    Image.fromarray(grey).save(buffer, "PNG")
    raw = buffer.getvalue()
    bomb = chunk(b"zTXt", b"Comment\0\0" + zlib.compress(bytes(20_000_000)))
    (tmp_path / "a.png").write_bytes(raw[:33] + bomb + raw[33:])
    with pytest.raises(UnreadableInput):
        liverseg.read(tmp_path / "a.png")
