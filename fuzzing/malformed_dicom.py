"""DICOM files with wrong values, value representations, lengths, nesting, pixels or compression."""

from __future__ import annotations

import random
import struct
import zlib
from collections.abc import Callable

from pydicom.datadict import tag_for_keyword

from fuzzing import damage
from fuzzing.dicom_elements import LONG_VRS, Element, encode_element, encode_file, valid_file
from fuzzing.seeds import CANARY, of_kind

_VRS = (*LONG_VRS, *b"US SS UL SL FL FD DS IS LO PN UI AT ZZ".split())
_LENGTHS = (0, 1, 3, 0xFFFE, 0xFFFF, 0x10000, 0x7FFFFFFF, 0xFFFFFFF0, 0xFFFFFFFE, 0xFFFFFFFF)
_TEXTS = (
    *(b"", b"nan", b"inf", b"-inf", b"1e400", b"1e-400", b"0", b"-1", b"abc", b"1\\2\\3", b"0,5"),
    *(CANARY.encode(), b"9" * 40),
)
# Keywords of decimal numbers, of counts and of text
_NUMBERS = (
    *("RescaleSlope", "RescaleIntercept", "PixelSpacing", "SliceThickness", "ImagePositionPatient"),
    *("ImageOrientationPatient", "NumberOfFrames", "SeriesNumber", "GantryDetectorTilt", "KVP"),
)
_COUNTS = (
    *("Rows", "Columns", "BitsAllocated", "BitsStored", "HighBit"),
    *("PixelRepresentation", "SamplesPerPixel"),
)
_CODES = (
    *("Modality", "PhotometricInterpretation", "ImageType", "SpecificCharacterSet", "SOPClassUID"),
    "RescaleType",
)
_SYNTAXES = (
    *("1.2.840.10008.1.2", "1.2.840.10008.1.2.1", "1.2.840.10008.1.2.1.99", "1.2.840.10008.1.2.2", "1.2.3"),
    "1.2.840.10008.1.2.5",
    *(f"1.2.840.10008.1.2.4.{k}" for k in (50, 51, 57, 70, 80, 90, 100, 201)),
)


def malformed_dicom(rng: random.Random) -> tuple[str, bytes]:
    """A malformed DICOM file, preceded by the kind of defect."""
    kind = rng.choice(tuple(_KINDS))
    return kind, _KINDS[kind](rng)


def _with(elements: list[Element], keyword: str, value: bytes, vr: bytes | None = None) -> list[Element]:
    """The elements with one replaced or added; `vr` None keeps its VR."""
    tag = tag_for_keyword(keyword)
    current_vr = next((one[1] for one in elements if one[0] == tag), b"LO")
    others = [one for one in elements if one[0] != tag]
    return sorted([*others, (tag, vr or current_vr, value + b" " * (len(value) % 2))])


def _values(rng: random.Random) -> bytes:
    """Numbers that are malformed, too many or out of range; counts that do not match the pixels."""
    head, elements = valid_file()
    for _ in range(rng.choice((1, 1, 2, 4))):
        chance = rng.random()
        if chance < 0.45:
            keyword = rng.choice(_NUMBERS)
            parts = rng.choice((1, 1, 2, 3, 6))
            text = b"\\".join(rng.choice(_TEXTS) for _ in range(parts))
            elements = _with(elements, keyword, text, b"DS" if keyword != "NumberOfFrames" else b"IS")
        elif chance < 0.85:
            value = rng.choice((0, 1, 2, 7, 8, 12, 15, 16, 17, 32, 64, 95, 97, 2048, 2049, 65535))
            elements = _with(elements, rng.choice(_COUNTS), struct.pack("<H", value), b"US")
        else:
            value = rng.choice(
                (b"", b"MR", b"CT", b"RGB", b"LOCALIZER", b"ISO_IR 192", CANARY.encode(), rng.randbytes(20))
            )
            elements = _with(elements, rng.choice(_CODES), value)
    return encode_file(head, elements)


def _representations(rng: random.Random) -> bytes:
    """Elements with the value representation of another type."""
    head, elements = valid_file()
    for _ in range(rng.choice((1, 2, 5))):
        k = rng.randrange(len(elements))
        elements[k] = (elements[k][0], rng.choice(_VRS), elements[k][2])
    return encode_file(head, elements)


def _lengths(rng: random.Random) -> bytes:
    """Declared lengths up to four gigabytes, undefined or odd."""
    head, elements = valid_file()
    wrong = {rng.randrange(len(elements)): rng.choice(_LENGTHS) for _ in range(rng.choice((1, 2)))}
    if rng.random() < 0.4:
        wrong[len(elements) - 1] = rng.choice(_LENGTHS)
    return head + b"".join(encode_element(*one, wrong.get(k)) for k, one in enumerate(elements))


def _order(rng: random.Random) -> bytes:
    """Elements duplicated, missing or out of order; a damaged head."""
    head, elements = valid_file()
    for _ in range(rng.choice((1, 3))):
        k = rng.randrange(len(elements))
        defect = rng.randrange(4)
        if defect == 0:
            elements.insert(rng.randrange(len(elements)), elements[k])
        elif defect == 1:
            del elements[k]
        elif defect == 2:
            rng.shuffle(elements)
        else:
            head = damage.damaged(head, rng, rng.randbytes(300))
    return encode_file(head, elements)


def _nested(rng: random.Random) -> bytes:
    """Nested sequences up to 3000 deep, of undefined or wrong lengths."""
    head, elements = valid_file()
    keyword = rng.choice(
        ("SharedFunctionalGroupsSequence", "ReferencedImageSequence", "PerFrameFunctionalGroupsSequence")
    )
    tag, inner = tag_for_keyword(keyword), b""
    undefined = rng.random() < 0.6
    for _ in range(rng.choice((3, 200, 3000))):
        if undefined:
            item = b"\xfe\xff\x00\xe0\xff\xff\xff\xff" + inner + b"\xfe\xff\x0d\xe0\0\0\0\0"
            inner = encode_element(tag, b"SQ", item + b"\xfe\xff\xdd\xe0\0\0\0\0", 0xFFFFFFFF)
        else:
            item = b"\xfe\xff\x00\xe0" + struct.pack("<I", len(inner) + rng.choice((0, 0, 0, 8))) + inner
            inner = encode_element(tag, b"SQ", item)
    if rng.random() < 0.3:
        inner = inner[: len(inner) // 2]
    cut = next((k for k, one in enumerate(elements) if one[0] > tag), len(elements))
    return encode_file(head, elements[:cut]) + inner + encode_file(b"", elements[cut:])


def _syntaxes(rng: random.Random) -> bytes:
    """A transfer syntax other than that of the data, or one that does not exist."""
    seed = rng.choice(of_kind("dicom"))
    position = seed.data.find(b"\x02\0\x10\0UI")
    if position < 0:
        return damage.damaged(seed.data, rng, seed.data)
    (length,) = struct.unpack_from("<H", seed.data, position + 6)
    uid = rng.choice(_SYNTAXES).encode()
    uid += b"\0" * (len(uid) % 2)
    return seed.data[:position] + encode_element(0x00020010, b"UI", uid) + seed.data[position + 8 + length :]


def _fragments(rng: random.Random) -> bytes:
    """Compressed pixels with damaged fragments, offset table or codestream."""
    names = ("dicom-rle", "dicom-jpeg-lossless", "dicom-jpeg-ls", "dicom-jpeg-2000")
    data = rng.choice([seed.data for seed in of_kind("dicom") if seed.name in names])
    start = data.rindex(struct.pack("<HH", 0x7FE0, 0x0010)) + 12
    pixels = data[start:]
    defect = rng.randrange(5)
    if defect == 0:
        pixels = damage.damaged(pixels, rng, rng.choice(of_kind("picture")).data)
    elif defect == 1:  # offset table
        table = rng.randbytes(4 * rng.choice((1, 2, 100)))
        pixels = b"\xfe\xff\x00\xe0" + struct.pack("<I", len(table)) + table + pixels[8:]
    elif defect == 2:  # the length of the first fragment
        pixels = pixels[:12] + struct.pack("<I", rng.choice(_LENGTHS)) + pixels[16:]
    elif defect == 3:  # thousands of empty fragments
        pixels = pixels[:8] + b"\xfe\xff\x00\xe0\0\0\0\0" * rng.choice((10, 5000)) + pixels[8:]
    else:  # sizes in the header of the codestream
        changed = bytearray(pixels)
        for _ in range(4):
            changed[min(len(changed) - 1, 16 + rng.randrange(60))] = rng.choice((0, 1, 0x7F, 0xFF))
        pixels = bytes(changed)
    return data[:start] + pixels


def _enhanced(rng: random.Random) -> bytes:
    """An Enhanced CT whose number of frames or frame descriptions are wrong."""
    head, elements = valid_file("dicom-enhanced")
    if rng.random() < 0.6:
        frames = rng.choice((b"0", b"1", b"4", b"6", b"1000", b"1001", b"999999999", b"-5", b"x"))
        return encode_file(head, _with(elements, "NumberOfFrames", frames, b"IS"))
    damaged_tag = tag_for_keyword(
        rng.choice(("PerFrameFunctionalGroupsSequence", "SharedFunctionalGroupsSequence"))
    )
    changed = [(t, vr, damage.damaged(v, rng, v) if t == damaged_tag else v) for t, vr, v in elements]
    return encode_file(head, changed)


def _deflated(rng: random.Random) -> bytes:
    """A damaged dataset in valid deflate data, or deflate data without an end."""
    seed = next(one for one in of_kind("dicom") if one.name == "dicom-deflated")
    (length,) = struct.unpack_from("<I", seed.data, 140)  # of group 2
    start = 144 + length
    inner = zlib.decompress(seed.data[start:], wbits=-15)
    compressor = zlib.compressobj(6, zlib.DEFLATED, -15)
    body = compressor.compress(damage.damaged(inner, rng, inner)) + compressor.flush()
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
