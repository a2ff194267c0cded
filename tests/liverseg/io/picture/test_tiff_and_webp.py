"""TIFF and WebP pictures: the same image as from PNG, orientation, 16 bits, and what is refused."""

from __future__ import annotations

import struct

import numpy as np
import pytest
from PIL import Image

import liverseg
from liverseg.core.window import DEFAULT_WINDOW, to_grey
from liverseg.errors import InputTooLarge, LiversegError, NotCT, UnreadableInput

ORIENTATION, PHOTOMETRIC, SAMPLE_FORMAT = 274, 262, 339


@pytest.mark.parametrize(
    "name, options",
    [
        ("a.tiff", {}),
        ("a.tiff", {"compression": "tiff_lzw"}),
        ("a.tiff", {"compression": "tiff_adobe_deflate"}),
        ("a.tiff", {"compression": "packbits"}),
        ("a.webp", {"lossless": True}),
    ],
)
@pytest.mark.parametrize("mode", ["L", "RGB", "RGBA"])
def test_the_image_is_that_of_png(mode, name, options, grey, save):
    picture = Image.fromarray(grey).convert(mode)
    expected, ct = liverseg.read(save(picture)), liverseg.read(save(picture, name, **options))
    np.testing.assert_array_equal(ct.hu, expected.hu)
    assert ct.source_format == name.partition(".")[2] and ct.warnings == expected.warnings
    assert ct.assumed_window == DEFAULT_WINDOW and ct.spacing_mm is None and not ct.orientation_known


def test_lossy_webp_is_close(grey, save):
    picture = Image.fromarray(grey)
    ct = liverseg.read(save(picture, "a.webp", quality=90))
    assert np.abs(to_grey(ct.hu, DEFAULT_WINDOW).astype(int) - grey).mean() < 8


@pytest.mark.parametrize("orientation", range(1, 9))
@pytest.mark.parametrize("name", ["a.tiff", "a.webp"])
def test_orientation_is_applied_and_labels_keep_the_rows_of_the_file(name, orientation, grey, save):
    exif = Image.Exif()
    exif[ORIENTATION] = orientation
    expected = liverseg.read(save(Image.fromarray(grey), exif=exif))
    ct = liverseg.read(
        save(Image.fromarray(grey), name, exif=exif, **({"lossless": True} if "w" in name else {}))
    )
    np.testing.assert_array_equal(ct.hu, expected.hu)
    assert ct.native.shape == grey.shape
    np.testing.assert_array_equal(to_grey(ct.native.to_native(ct.hu), DEFAULT_WINDOW), grey)


@pytest.mark.parametrize("big_endian", [False, True])
def test_16_bits_are_read_as_in_png(big_endian, synthetic_hu, save):
    stored = (synthetic_hu().astype(np.int32) + 32768).astype(np.uint16)
    path = save(Image.fromarray(stored), "a.tiff")
    if big_endian:
        path.write_bytes(big_endian_tiff(stored))
    ct = liverseg.read(path)
    np.testing.assert_array_equal(ct.hu[0], synthetic_hu())
    assert any("HU + 32768" in w for w in ct.warnings)


def big_endian_tiff(stored: np.ndarray) -> bytes:
    """An uncompressed TIFF (H, W) uint16 in big-endian order, written entry by entry."""
    rows, columns = stored.shape
    entries = [
        *((256, 3, columns), (257, 3, rows), (258, 3, 16), (259, 3, 1), (262, 3, 1)),
        *((273, 4, 8 + 2 + 12 * 9 + 4), (277, 3, 1), (278, 3, rows), (279, 4, 2 * rows * columns)),
    ]
    packed = b"".join(
        struct.pack(">HHI", tag, type, 1) + (struct.pack(">HH", n, 0) if type == 3 else struct.pack(">I", n))
        for tag, type, n in entries
    )
    head = b"MM\0*" + struct.pack(">IH", 8, len(entries))
    return head + packed + bytes(4) + stored.astype(">u2").tobytes()


def test_white_that_is_stored_as_0_is_turned(synthetic_hu, save, tmp_path):
    wide = (to_grey(synthetic_hu(), DEFAULT_WINDOW).astype(np.uint16)) * 257
    expected = liverseg.read(save(Image.fromarray(wide), "a.tiff"))
    path = save(Image.fromarray(65535 - wide), "b.tiff")
    content = path.read_bytes()
    one, zero = (struct.pack("<HHIHH", PHOTOMETRIC, 3, 1, value, 0) for value in (1, 0))
    assert content.count(one) == 1
    path.write_bytes(content.replace(one, zero))
    np.testing.assert_array_equal(liverseg.read(path).hu, expected.hu)


def test_colour_photographs_are_refused(save):
    rng = np.random.default_rng(1)
    photo = Image.fromarray(rng.integers(0, 255, (9, 9, 3), np.uint8)).resize((90, 90))
    for name in ("a.tiff", "a.webp"):
        with pytest.raises(NotCT, match="colour picture"):
            liverseg.read(save(photo, name))


def test_several_pages_and_animations_are_refused(grey, save):
    pages = {"save_all": True, "append_images": [Image.fromarray(grey[::-1].copy())]}
    for name in ("a.tiff", "a.webp"):
        with pytest.raises(UnreadableInput, match="several pictures or an animation"):
            liverseg.read(save(Image.fromarray(grey), name, **pages))


@pytest.mark.parametrize("dtype", [np.float32, np.int32])
def test_tiff_of_other_numbers_is_refused(dtype, synthetic_hu, save):
    with pytest.raises(UnreadableInput, match="signed, floating-point or 32-bit"):
        liverseg.read(save(Image.fromarray(synthetic_hu().astype(dtype)), "a.tiff"))


def test_other_compressions_of_tiff_are_refused(grey, save):
    with pytest.raises(UnreadableInput, match="compressed in a way"):
        liverseg.read(save(Image.fromarray(grey).convert("1"), "a.tiff", compression="group4"))


@pytest.mark.parametrize("lossless", [False, True])
def test_sizes_of_webp_are_checked_before_it_is_opened(lossless, save, monkeypatch):
    path = save(Image.new("L", (2049, 64)), "a.webp", lossless=lossless)
    monkeypatch.setattr(Image, "open", lambda *args, **options: 1 / 0)
    with pytest.raises(InputTooLarge, match="2049 × 64"):
        liverseg.read(path)
    extended = b"RIFF\0\0\0\0WEBPVP8X" + struct.pack("<IB3x", 10, 0) + b"\xff\xff\xff" * 2
    path.write_bytes(extended + bytes(100))
    with pytest.raises(InputTooLarge, match="16777216 × 16777216"):
        liverseg.read(path)


def test_floods_of_parts_are_refused(grey, save):
    path = save(Image.fromarray(grey), "a.webp")
    path.write_bytes(path.read_bytes() + b"junk\0\0\0\0" * 21_000)
    with pytest.raises(InputTooLarge, match="far more parts"):
        liverseg.read(path)
    path = save(Image.fromarray(grey), "a.tiff")
    content = bytearray(path.read_bytes())
    entry = content.index(struct.pack("<HHI", 273, 4, 1))
    content[entry + 4 : entry + 8] = struct.pack("<I", 5_000_000)
    path.write_bytes(content)
    with pytest.raises(InputTooLarge, match="far more parts"):
        liverseg.read(path)


@pytest.mark.parametrize("name", ["a.tiff", "a.webp"])
def test_truncated_and_damaged_files_are_refused(name, grey, save):
    whole = (path := save(Image.fromarray(grey), name)).read_bytes()
    for content in (whole[:9], whole[:40], whole[: len(whole) // 2], whole[:8] + bytes(200)):
        path.write_bytes(content)
        with pytest.raises(LiversegError):
            liverseg.read(path)
