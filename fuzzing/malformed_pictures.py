"""PNG and JPEG files with wrong sizes, depths or chunks, animations, unusual modes, bombs and floods."""

from __future__ import annotations

import io
import random
import struct
import zlib
from collections.abc import Callable, Iterator

import numpy as np
from PIL import Image

from fuzzing import damage
from fuzzing.seeds import Seed, of_kind, saved

_SIGNATURE = b"\x89PNG\r\n\x1a\n"
Chunk = tuple[bytes, bytes]


def malformed_picture(rng: random.Random) -> tuple[str, bytes]:
    """A malformed picture, preceded by the kind of defect."""
    kind = rng.choice(tuple(_KINDS))
    return kind, _KINDS[kind](rng)


def _png(rng: random.Random) -> Seed:
    return rng.choice([seed for seed in of_kind("picture") if seed.suffix == ".png"])


def _jpeg(rng: random.Random) -> Seed:
    return rng.choice([seed for seed in of_kind("picture") if seed.suffix == ".jpg"])


def chunks_of(data: bytes) -> Iterator[Chunk]:
    """The chunks of a valid PNG: (name, content)."""
    position = len(_SIGNATURE)
    while position < len(data):
        (length,) = struct.unpack_from(">I", data, position)
        yield data[position + 4 : position + 8], data[position + 8 : position + 8 + length]
        position += 12 + length


def png_of(chunks: list[Chunk]) -> bytes:
    """A PNG of the given chunks, each with a correct checksum."""
    parts = [_SIGNATURE]
    for name, content in chunks:
        parts += [
            struct.pack(">I", len(content)),
            name,
            content,
            struct.pack(">I", zlib.crc32(name + content)),
        ]
    return b"".join(parts)


def _header(rng: random.Random) -> bytes:
    """Size, bit depth, colour type and interlacing that do not match the data."""
    chunks = list(chunks_of(_png(rng).data))
    width, height, *rest = struct.unpack(">IIBBBBB", chunks[0][1])
    if rng.random() < 0.6:
        sizes = (0, 1, 63, 64, 95, 97, 2048, 2049, 65535, 2**31 - 1, 2**32 - 1)
        width, height = rng.choice(sizes), rng.choice((height, *sizes))
    if rng.random() < 0.6:
        index, values = rng.choice(((0, (1, 2, 4, 8, 16, 3)), (1, (0, 2, 3, 4, 6, 7)), (4, (0, 1, 2))))
        rest[index] = rng.choice(values)
    return png_of([(b"IHDR", struct.pack(">IIBBBBB", width, height, *rest)), *chunks[1:]])


def _chunks(rng: random.Random) -> bytes:
    """Chunks missing, duplicated, out of order, or with random content and a correct checksum."""
    chunks = list(chunks_of(_png(rng).data))
    for _ in range(rng.choice((1, 2, 4))):
        k = rng.randrange(len(chunks))
        defect = rng.randrange(4)
        if defect == 0:
            chunks.insert(k, chunks[rng.randrange(len(chunks))])
        elif defect == 1 and len(chunks) > 1:
            del chunks[k]
        elif defect == 2:
            rng.shuffle(chunks)
        else:
            name, content = chunks[k]
            chunks[k] = (name, damage.damaged(content, rng, rng.randbytes(64)))
    return png_of(chunks)


def _extras(rng: random.Random) -> bytes:
    """Ancillary chunks (profile, text, Exif, transparency, palette) that are bombs or random bytes."""
    chunks = list(chunks_of(_png(rng).data))
    big = zlib.compress(bytes(rng.choice((10_000, 80_000_000))), 9)
    extra = rng.choice(
        (
            (b"iCCP", b"a\0\0" + big),
            (b"zTXt", b"a\0\0" + big),
            (b"iTXt", b"a\0\1\0\0\0" + big),
            (b"tEXt", b"a\0" + rng.randbytes(5000)),
            (b"eXIf", b"MM\0*" + rng.randbytes(60)),
            (b"eXIf", b"II*\0\x08\0\0\0\xff\xff" + struct.pack("<HHII", 0x0112, 3, 1, 6) * 30),
            (b"tRNS", rng.randbytes(rng.choice((1, 2, 6, 300)))),
            (b"PLTE", rng.randbytes(rng.choice((1, 3, 768, 3000)))),
            (b"gAMA", bytes(4)),
            (b"pHYs", b"\xff" * 9),
            (b"IEND", b""),
            (b"acTL", struct.pack(">II", rng.choice((0, 1, 2, 2**31)), 0)),
        )
    )
    return png_of([chunks[0], extra, *chunks[1:]])


def _animated(rng: random.Random) -> bytes:
    """An animated PNG, in most cases damaged."""
    frames = [Image.fromarray(np.full((96, 96), value, np.uint8)) for value in (0, 90, 200)]
    data = saved(frames[0], save_all=True, append_images=frames[1:], duration=50)
    return data if rng.random() < 0.4 else damage.damaged(data, rng, _png(rng).data)


def _pixels(rng: random.Random) -> bytes:
    """Pictures of several modes with sizes near the limits, of noise or of one value."""
    side, long = rng.choice((63, 64, 65, 200, 700)), rng.choice((64, 300, 2048, 2049))
    mode, kind = rng.choice(
        (("L", np.uint8), ("RGB", np.uint8), ("RGBA", np.uint8), ("I;16", np.uint16), ("1", bool))
    )
    shape = (side, long) if mode in ("L", "I;16", "1") else (side, long, len(mode))
    numpy_rng = np.random.default_rng(rng.randrange(2**32))
    top = 2 if kind is bool else rng.choice((2, 40, np.iinfo(kind).max + 1))
    values = numpy_rng.integers(0, top, shape).astype(kind)
    if rng.random() < 0.3:
        values[:] = values.flat[0]
    picture = Image.fromarray(values)
    return saved(picture) if mode != "L" or rng.random() < 0.7 else saved(picture, "JPEG")


def _segments(rng: random.Random) -> bytes:
    """JPEG segments with sizes, counts and tables that do not match the data."""
    data = bytearray(_jpeg(rng).data)
    markers = [
        k
        for k in range(len(data) - 9)
        if data[k] == 0xFF and data[k + 1] in (0xC0, 0xC2, 0xC4, 0xDB, 0xDA, 0xE0)
    ]
    for _ in range(rng.choice((1, 2, 3))):
        start = rng.choice(markers)
        if data[start + 1] in (0xC0, 0xC2) and rng.random() < 0.8:
            sizes = (0, 1, 63, 64, 2048, 2049, 65535)
            struct.pack_into(
                ">BHH", data, start + 4, rng.choice((0, 8, 12, 16)), rng.choice(sizes), rng.choice(sizes)
            )
            if rng.random() < 0.3:
                data[start + 9] = rng.choice((0, 1, 2, 4, 255))
        else:
            data[start + 2 + rng.randrange(8)] = rng.choice((0, 1, 0x11, 0x44, 0xFF, rng.randrange(256)))
    return bytes(data)


def _exif(rng: random.Random) -> bytes:
    """Valid and invalid Exif orientations, and Exif with wrong offsets."""
    data = _jpeg(rng).data
    entry = struct.pack("<HHIHH", 0x0112, 3, 1, rng.choice((0, 1, 3, 6, 8, 9, 65535)), 0)
    tail = rng.choice((b"\0\0\0\0", struct.pack("<I", 8), struct.pack("<I", 2**32 - 1)))
    exif = b"Exif\0\0II*\0\x08\0\0\0\x01\0" + entry + tail
    if rng.random() < 0.3:
        exif = damage.damaged(exif, rng, data)[:60_000]
    return data[:2] + b"\xff\xe1" + struct.pack(">H", len(exif) + 2) + exif + data[2:]


def _chunk_flood(rng: random.Random) -> bytes:
    """Up to 1.5 million empty chunks."""
    chunks = list(chunks_of(_png(rng).data))
    empty = png_of([(rng.choice((b"IDAT", b"abCd", b"tEXt")), b"")])[len(_SIGNATURE) :]
    head, tail = png_of(chunks[:1]), png_of(chunks[1:])[len(_SIGNATURE) :]
    return head + empty * rng.choice((100_000, 1_500_000)) + tail


def _scan_flood(rng: random.Random) -> bytes:
    """A large progressive JPEG with thousands of scans, each of which covers the whole picture."""
    buffer = io.BytesIO()
    Image.fromarray(np.zeros((2048, 2048), np.uint8)).save(buffer, "JPEG", progressive=True)
    data = buffer.getvalue()
    start = data.rindex(b"\xff\xda")
    return data[:start] + data[start:-2] * rng.choice((50, 4000)) + data[-2:]


def _segment_flood(rng: random.Random) -> bytes:
    """Two million empty JPEG segments."""
    data = _jpeg(rng).data
    return data[:2] + rng.choice((b"\xff\xe5\0\x02", b"\xff\xfe\0\x02", b"\xff" * 4)) * 2_000_000 + data[2:]


_KINDS: dict[str, Callable[[random.Random], bytes]] = {
    "png header": _header,
    "png chunks": _chunks,
    "png extras": _extras,
    "animation": _animated,
    "pixels": _pixels,
    "jpeg segments": _segments,
    "exif": _exif,
}
RARE: dict[str, Callable[[random.Random], bytes]] = {
    "png chunk flood": _chunk_flood,
    "jpeg scan flood": _scan_flood,
    "jpeg segment flood": _segment_flood,
}
"""Kinds that are slow to make or to read."""
