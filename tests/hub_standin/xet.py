"""The Xet storage of the Hub stand-in: a file in pieces, as `hf-xet` asks for it.

A file's hash and that of its only block of chunks are its SHA-256 here; `hf-xet` does not compare them with
the content. A chunk is stored uncompressed behind its header: version, length, scheme, length.
"""

from __future__ import annotations

import re
from typing import Any

CHUNK_BYTES = 4096
HEADER_BYTES = 8


def block(data: bytes) -> bytes:
    """The stored form of a file."""
    chunks = [data[start : start + CHUNK_BYTES] for start in range(0, len(data), CHUNK_BYTES)]
    sizes = [len(chunk).to_bytes(3, "little") for chunk in chunks]
    return b"".join(b"\0" + s + b"\0" + s + chunk for s, chunk in zip(sizes, chunks, strict=True))


def reconstruction(data: bytes, digest: str, url: str, wanted: str) -> dict[str, Any] | None:
    """Which chunks hold the bytes of the header `Range`, and where they are; None where there are none."""
    first, last = 0, len(data) - 1
    if match := re.fullmatch(r"bytes=(\d+)-(\d+)", wanted):
        first, last = int(match[1]), min(int(match[2]), last)
    if first > last:
        return None
    terms, places = [], []
    for number in range(first // CHUNK_BYTES, last // CHUNK_BYTES + 1):
        length = len(data[number * CHUNK_BYTES :][:CHUNK_BYTES])
        chunks = {"start": number, "end": number + 1}
        start = number * (CHUNK_BYTES + HEADER_BYTES)
        place = {"start": start, "end": start + HEADER_BYTES + length - 1}
        terms.append({"hash": digest, "unpacked_length": length, "range": chunks})
        places.append({"range": chunks, "url": f"{url}/blocks/{digest}?chunk={number}", "url_range": place})
    return {
        "offset_into_first_range": first % CHUNK_BYTES,
        "terms": terms,
        "fetch_info": {digest: places},
    }
