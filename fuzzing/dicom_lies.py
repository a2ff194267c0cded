"""DICOM files that lie: values, representations, lengths, nesting, pixels and their compression."""

from __future__ import annotations

import random
import struct
import zlib
from collections.abc import Callable, Iterator

from pydicom.datadict import tag_for_keyword

from fuzzing import damage
from fuzzing.seeds import CANARY, of_kind

_LONG = (b"OB", b"OW", b"OF", b"OD", b"OL", b"SQ", b"UN", b"UT", b"UC", b"UR")
_REPRESENTATIONS = (
    *_LONG,
    b"US",
    b"SS",
    b"UL",
    b"SL",
    b"FL",
    b"FD",
    b"DS",
    b"IS",
    b"LO",
    b"PN",
    b"UI",
    b"AT",
    b"ZZ",
)
_LENGTHS = (0, 1, 3, 0xFFFE, 0xFFFF, 0x10000, 0x7FFFFFFF, 0xFFFFFFF0, 0xFFFFFFFE, 0xFFFFFFFF)
_TEXTS = (
    b"",
    b"nan",
    b"inf",
    b"-inf",
    b"1e400",
    b"1e-400",
    b"0",
    b"-1",
    b"abc",
    b"1\\2\\3",
    b"0,5",
    CANARY.encode(),
    b"9" * 40,
)
_NUMBERS = ("RescaleSlope", "RescaleIntercept", "PixelSpacing", "SliceThickness", "ImagePositionPatient")
_NUMBERS += ("ImageOrientationPatient", "NumberOfFrames", "SeriesNumber", "GantryDetectorTilt", "KVP")
_COUNTS = (
    "Rows",
    "Columns",
    "BitsAllocated",
    "BitsStored",
    "HighBit",
    "PixelRepresentation",
    "SamplesPerPixel",
)
_NAMES = (
    "Modality",
    "PhotometricInterpretation",
    "ImageType",
    "SpecificCharacterSet",
    "SOPClassUID",
    "RescaleType",
)
_SYNTAXES = [
    "1.2.840.10008.1.2",
    "1.2.840.10008.1.2.1",
    "1.2.840.10008.1.2.1.99",
    "1.2.840.10008.1.2.2",
    "1.2.3",
]
_SYNTAXES += [
    "1.2.840.10008.1.2.5",
    *(f"1.2.840.10008.1.2.4.{k}" for k in (50, 51, 57, 70, 80, 90, 100, 201)),
]
PIXELS = 0x7FE00010

Element = tuple[int, bytes, bytes]  # tag, VR, value


def lying_dicom(rng: random.Random) -> tuple[str, bytes]:
    """A DICOM file, and how it lies."""
    kind = rng.choice(tuple(_KINDS))
    return kind, _KINDS[kind](rng)


def element(tag: int, vr: bytes, value: bytes, length: int | None = None) -> bytes:
    """One element in explicit little endian; `length` is what is said of the value."""
    said = len(value) if length is None else length
    head = struct.pack("<HH", tag >> 16, tag & 0xFFFF) + vr
    if vr in _LONG:
        return head + b"\0\0" + struct.pack("<I", said & 0xFFFFFFFF) + value
    return head + struct.pack("<H", said & 0xFFFF) + value


def split(data: bytes) -> tuple[bytes, list[Element]]:
    """The head (preamble and group 2) and the elements of a sound file in explicit little endian."""
    found = list(_elements(data, 132))
    start = next(position for position, (tag, _, _) in found if tag >> 16 != 2)
    return data[:start], [one for position, one in found if position >= start]


def _elements(data: bytes, position: int) -> Iterator[tuple[int, Element]]:
    while position + 8 <= len(data):
        group, number = struct.unpack_from("<HH", data, position)
        vr = data[position + 4 : position + 6]
        if vr in _LONG:
            (length,) = struct.unpack_from("<I", data, position + 8)
            start = position + 12
        else:
            (length,) = struct.unpack_from("<H", data, position + 6)
            start = position + 8
        length = min(length, len(data) - start)  # of undefined length: the pixels, which are last
        yield position, (group << 16 | number, vr, data[start : start + length])
        position = start + length


def joined(head: bytes, elements: list[Element]) -> bytes:
    """The file of elements; those that a list names twice are there twice."""
    return head + b"".join(element(*one) for one in elements)


def sound() -> tuple[bytes, list[Element]]:
    """The head and the elements of a sound slice."""
    return split(next(seed for seed in of_kind("dicom") if seed.name == "dicom").data)


def _with(elements: list[Element], keyword: str, value: bytes, vr: bytes | None = None) -> list[Element]:
    tag = tag_for_keyword(keyword)
    own = next((one[1] for one in elements if one[0] == tag), b"LO")
    rest = [one for one in elements if one[0] != tag]
    return sorted([*rest, (tag, vr or own, value + b" " * (len(value) % 2))])


def _values(rng: random.Random) -> bytes:
    """Numbers that are none, too many, or out of all range; counts that the pixels have not."""
    head, elements = sound()
    for _ in range(rng.choice((1, 1, 2, 4))):
        what = rng.random()
        if what < 0.45:
            keyword = rng.choice(_NUMBERS)
            parts = rng.choice((1, 1, 2, 3, 6))
            text = b"\\".join(rng.choice(_TEXTS) for _ in range(parts))
            elements = _with(elements, keyword, text, b"DS" if keyword != "NumberOfFrames" else b"IS")
        elif what < 0.85:
            value = rng.choice((0, 1, 2, 7, 8, 12, 15, 16, 17, 32, 64, 95, 97, 2048, 2049, 65535))
            elements = _with(elements, rng.choice(_COUNTS), struct.pack("<H", value), b"US")
        else:
            value = rng.choice(
                (b"", b"MR", b"CT", b"RGB", b"LOCALIZER", b"ISO_IR 192", CANARY.encode(), rng.randbytes(20))
            )
            elements = _with(elements, rng.choice(_NAMES), value)
    return joined(head, elements)


def _representations(rng: random.Random) -> bytes:
    """Values under another representation than theirs."""
    head, elements = sound()
    for _ in range(rng.choice((1, 2, 5))):
        k = rng.randrange(len(elements))
        elements[k] = (elements[k][0], rng.choice(_REPRESENTATIONS), elements[k][2])
    return joined(head, elements)


def _lengths(rng: random.Random) -> bytes:
    """Lengths up to four gigabytes, undefined ones, and odd ones."""
    head, elements = sound()
    wrong = {rng.randrange(len(elements)): rng.choice(_LENGTHS) for _ in range(rng.choice((1, 2)))}
    if rng.random() < 0.4:
        wrong[len(elements) - 1] = rng.choice(_LENGTHS)
    return head + b"".join(element(*one, wrong.get(k)) for k, one in enumerate(elements))


def _order(rng: random.Random) -> bytes:
    """Elements twice, missing, in any order; a group length that lies; a damaged head."""
    head, elements = sound()
    for _ in range(rng.choice((1, 3))):
        k = rng.randrange(len(elements))
        what = rng.randrange(4)
        if what == 0:
            elements.insert(rng.randrange(len(elements)), elements[k])
        elif what == 1:
            del elements[k]
        elif what == 2:
            rng.shuffle(elements)
        else:
            head = damage.damaged(head, rng, rng.randbytes(300))
    return joined(head, elements)


def _nested(rng: random.Random) -> bytes:
    """Sequences in sequences, thousands deep, of undefined lengths or with lengths that lie."""
    head, elements = sound()
    keyword = rng.choice(
        ("SharedFunctionalGroupsSequence", "ReferencedImageSequence", "PerFrameFunctionalGroupsSequence")
    )
    tag, inner = tag_for_keyword(keyword), b""
    undefined = rng.random() < 0.6
    for _ in range(rng.choice((3, 200, 3000))):
        if undefined:
            item = b"\xfe\xff\x00\xe0\xff\xff\xff\xff" + inner + b"\xfe\xff\x0d\xe0\0\0\0\0"
            inner = element(tag, b"SQ", item + b"\xfe\xff\xdd\xe0\0\0\0\0", 0xFFFFFFFF)
        else:
            item = b"\xfe\xff\x00\xe0" + struct.pack("<I", len(inner) + rng.choice((0, 0, 0, 8))) + inner
            inner = element(tag, b"SQ", item)
    if rng.random() < 0.3:
        inner = inner[: len(inner) // 2]
    cut = next((k for k, one in enumerate(elements) if one[0] > tag), len(elements))
    return joined(head, elements[:cut]) + inner + joined(b"", elements[cut:])


def _syntaxes(rng: random.Random) -> bytes:
    """Another transfer syntax than that of the data, or one that there is not."""
    seed = rng.choice(of_kind("dicom"))
    position = seed.data.find(b"\x02\0\x10\0UI")
    if position < 0:
        return damage.damaged(seed.data, rng, seed.data)
    (length,) = struct.unpack_from("<H", seed.data, position + 6)
    uid = rng.choice(_SYNTAXES).encode()
    uid += b"\0" * (len(uid) % 2)
    return seed.data[:position] + element(0x00020010, b"UI", uid) + seed.data[position + 8 + length :]


def _fragments(rng: random.Random) -> bytes:
    """Compressed pixels whose fragments, offsets or codestream lie."""
    names = ("dicom-rle", "dicom-jpeg-lossless", "dicom-jpeg-ls", "dicom-jpeg-2000")
    data = next(
        seed for seed in of_kind("dicom") if seed.name == rng.choice(names) or seed.name == names[0]
    ).data
    data = rng.choice([seed.data for seed in of_kind("dicom") if seed.name in names])
    start = data.rindex(struct.pack("<HH", 0x7FE0, 0x0010)) + 12
    pixels = data[start:]
    what = rng.randrange(5)
    if what == 0:
        pixels = damage.damaged(pixels, rng, rng.choice(of_kind("picture")).data)
    elif what == 1:  # offset table
        table = rng.randbytes(4 * rng.choice((1, 2, 100)))
        pixels = b"\xfe\xff\x00\xe0" + struct.pack("<I", len(table)) + table + pixels[8:]
    elif what == 2:  # the length of the first fragment
        pixels = pixels[:12] + struct.pack("<I", rng.choice(_LENGTHS)) + pixels[16:]
    elif what == 3:  # thousands of empty fragments
        pixels = pixels[:8] + b"\xfe\xff\x00\xe0\0\0\0\0" * rng.choice((10, 5000)) + pixels[8:]
    else:  # the same picture in a codestream of another size
        changed = bytearray(pixels)
        for _ in range(4):
            changed[min(len(changed) - 1, 16 + rng.randrange(60))] = rng.choice((0, 1, 0x7F, 0xFF))
        pixels = bytes(changed)
    return data[:start] + pixels


def _enhanced(rng: random.Random) -> bytes:
    """An Enhanced CT with more frames than it describes, fewer, or others."""
    head, elements = split(next(seed for seed in of_kind("dicom") if seed.name == "dicom-enhanced").data)
    if rng.random() < 0.6:
        frames = rng.choice((b"0", b"1", b"4", b"6", b"1000", b"1001", b"999999999", b"-5", b"x"))
        return joined(head, _with(elements, "NumberOfFrames", frames, b"IS"))
    wanted = tag_for_keyword(
        rng.choice(("PerFrameFunctionalGroupsSequence", "SharedFunctionalGroupsSequence"))
    )
    changed = [(t, vr, damage.damaged(v, rng, v) if t == wanted else v) for t, vr, v in elements]
    return joined(head, changed)


def _deflated(rng: random.Random) -> bytes:
    """Damage under a sound deflation, or a deflation without an end."""
    seed = next(one for one in of_kind("dicom") if one.name == "dicom-deflated")
    start = seed.data.index(b"1.2.840.10008.1.2.1.99") + 22
    (length,) = struct.unpack_from("<I", seed.data, 140)  # of group 2
    start = 144 + length
    inner = zlib.decompress(seed.data[start:], wbits=-15)
    packer = zlib.compressobj(6, zlib.DEFLATED, -15)
    body = packer.compress(damage.damaged(inner, rng, inner)) + packer.flush()
    return seed.data[:start] + (body if rng.random() < 0.7 else body[: len(body) // 2])


_KINDS: dict[str, Callable[[random.Random], bytes]] = {
    "values": _values,
    "representations": _representations,
    "lengths": _lengths,
    "order": _order,
    "nested": _nested,
    "syntaxes": _syntaxes,
    "fragments": _fragments,
    "enhanced": _enhanced,
    "deflated": _deflated,
}
