"""PNG and JPEG: colour modes, transparency, EXIF orientation, and refused files."""

from __future__ import annotations

import io
import struct
import tracemalloc
import zlib

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image, ImageOps

import liverseg
from liverseg.core.window import DEFAULT_WINDOW, Window, to_grey
from liverseg.errors import InputTooLarge, InputTooSmall, UnreadableInput
from tests.liverseg.io.picture.displayed import displayed_grey


def palette(grey):
    """A palette image whose indices decrease with the grey they stand for."""
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
    np.testing.assert_array_equal(displayed_grey(ct), grey)
    assert ct.hu.dtype == np.float32 and ct.shape == (1, *grey.shape)
    assert ct.spacing_mm is None and ct.spacing_source == "unknown" and ct.pixel_area_mm2 is None
    assert (ct.source_format, ct.kind, ct.assumed_window) == ("png", "slice", DEFAULT_WINDOW)
    assert "40/400" in ct.warnings[0] and "pixels" in ct.warnings[1] and len(ct.warnings) == 3
    assert "assumed at the left" in ct.warnings[2] and not ct.orientation_known
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
        np.testing.assert_array_equal(displayed_grey(ct), grey)
        np.testing.assert_allclose(ct.hu[0], center - width / 2 + grey / 255 * width, atol=0.01)


def test_transparency_is_black(grey, save):
    alpha = np.full_like(grey, 255)
    alpha[:30], alpha[30:40] = 0, 128
    read = displayed_grey(liverseg.read(save(Image.fromarray(np.dstack([grey, alpha]), "LA"))))
    assert (read[:30] == 0).all()
    np.testing.assert_allclose(read[30:40], grey[30:40] * (128 / 255), atol=1)
    np.testing.assert_array_equal(read[40:], grey[40:])


def test_transparent_palette_entries_are_black(grey, save):
    path = save(palette(grey), transparency=0)  # index 0 is white
    read = displayed_grey(liverseg.read(path))
    assert (read[grey == 255] == 0).all()
    np.testing.assert_array_equal(read[grey < 255], grey[grey < 255])


def test_one_bit_pictures_give_a_warning(grey, save):
    ct = liverseg.read(save(Image.fromarray(grey > 128)))
    assert set(np.unique(ct.hu)) == {-160.0, 240.0}
    assert any("one bit" in w for w in ct.warnings)


def test_jpeg_is_close_to_the_original(grey, save):
    smooth = Image.fromarray(grey)
    for image in (smooth, smooth.convert("RGB")):
        ct = liverseg.read(save(image, "a.jpg", quality=95))
        assert ct.source_format == "jpeg"
        assert np.abs(displayed_grey(ct).astype(int) - grey).mean() < 3


@pytest.mark.parametrize("orientation", range(1, 9))
def test_exif_orientation_is_applied(orientation, grey, save, tmp_path):
    exif = Image.Exif()
    exif[0x0112] = orientation
    path = save(Image.fromarray(grey), "a.jpg", quality=95, exif=exif)
    with Image.open(path) as image:
        stored = np.asarray(image)
        upright = np.asarray(ImageOps.exif_transpose(image))
    ct = liverseg.read(path)
    np.testing.assert_array_equal(displayed_grey(ct), upright)
    np.testing.assert_array_equal(ct.native.to_native(to_grey(ct.hu, DEFAULT_WINDOW)), stored)


def chunk(kind: bytes, data: bytes) -> bytes:
    """A PNG chunk."""
    return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))


def tiny_png(side: int, filler: int = 1000) -> bytes:
    """A PNG of a few bytes that declares side × side pixels."""
    header = struct.pack(">IIBBBBB", side, side, 8, 0, 0, 0, 0)
    data = zlib.compress(bytes(filler))
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", data) + chunk(b"IEND", b"")


@pytest.mark.parametrize("side", [2049, 10_000, 30_000, 2**31 - 1])
def test_huge_png_is_refused_before_decoding(side, tmp_path):
    (tmp_path / "a.png").write_bytes(tiny_png(side))
    tracemalloc.start()
    with pytest.raises(InputTooLarge):
        liverseg.read(tmp_path / "a.png")
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 10e6


def test_huge_jpeg_is_refused_before_decoding(save, tmp_path):
    path = save(Image.new("L", (64, 64)), "a.jpg")
    raw = path.read_bytes()
    start = raw.index(b"\xff\xc0")
    path.write_bytes(raw[: start + 5] + struct.pack(">HH", 30_000, 30_000) + raw[start + 9 :])
    with pytest.raises(InputTooLarge):
        liverseg.read(path)


def test_small_pictures_are_refused(save):
    with pytest.raises(InputTooSmall, match="64"):
        liverseg.read(save(Image.new("L", (63, 200))))


def test_animations_are_refused(grey, save):
    frames = [Image.fromarray(np.roll(grey, k, axis=0)) for k in range(3)]
    with pytest.raises(UnreadableInput, match="animation"):
        liverseg.read(save(frames[0], save_all=True, append_images=frames[1:]))


@pytest.mark.parametrize("name", ["a.png", "a.jpg"])
@pytest.mark.parametrize("share", [0.02, 0.5, 0.9])
def test_truncated_pictures_are_refused(name, share, grey, save):
    path = save(Image.fromarray(grey), name)
    raw = path.read_bytes()
    path.write_bytes(raw[: max(20, int(len(raw) * share))])
    with pytest.raises(UnreadableInput):
        liverseg.read(path)


def test_compressed_text_bombs_are_refused(grey, tmp_path):
    buffer = io.BytesIO()
    Image.fromarray(grey).save(buffer, "PNG")
    raw = buffer.getvalue()
    bomb = chunk(b"zTXt", b"Comment\0\0" + zlib.compress(bytes(20_000_000)))
    (tmp_path / "a.png").write_bytes(raw[:33] + bomb + raw[33:])
    with pytest.raises(UnreadableInput):
        liverseg.read(tmp_path / "a.png")
