"""Check the header of a safetensors file, without the library.

The format (github.com/huggingface/safetensors) is an unsigned little-endian 64-bit length, as many bytes of
JSON (name -> dtype, shape, data_offsets), and the tensors, which must fill the rest of the file without gaps.
"""

from __future__ import annotations

import json
from math import prod
from typing import Any

from registry.errors import CheckpointDamaged

MAX_HEADER_BYTES = 100_000_000
"""The format's own limit."""

ITEM_BYTES = {
    **dict.fromkeys(("BOOL", "U8", "I8", "F8_E4M3", "F8_E5M2"), 1),
    **dict.fromkeys(("U16", "I16", "F16", "BF16"), 2),
    **dict.fromkeys(("U32", "I32", "F32"), 4),
    **dict.fromkeys(("U64", "I64", "F64"), 8),
}


def check_safetensors(data: bytes) -> int:
    """The number of parameters (elements of all tensors) in the file.

    Raises `CheckpointDamaged` when the header does not describe the file.

    >>> check_safetensors(b"\\x02\\0\\0\\0\\0\\0\\0\\0{}")
    0
    """
    size = int.from_bytes(data[:8], "little")
    if len(data) < 8 or not 2 <= size <= min(len(data) - 8, MAX_HEADER_BYTES):
        raise CheckpointDamaged("The file model.safetensors is truncated or is not a safetensors file.")
    try:
        header = json.loads(data[8 : 8 + size])
        header.pop("__metadata__", None)
        spans = sorted((_span(entry) for entry in header.values()), key=lambda s: s[:2])
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError):
        raise CheckpointDamaged("The header of model.safetensors is damaged.") from None
    position = parameters = 0
    for begin, end, count, item_bytes in spans:
        if begin != position or end - begin != count * item_bytes:
            raise CheckpointDamaged("A tensor in model.safetensors does not have the size its header says.")
        position = end
        parameters += count
    if position != len(data) - 8 - size:
        raise CheckpointDamaged("The tensors in model.safetensors do not fill the file.")
    return parameters


def _span(entry: dict[str, Any]) -> tuple[int, int, int, int]:
    """Begin and end in bytes, number of elements, bytes per element."""
    begin, end = entry["data_offsets"]
    shape = entry["shape"]
    if not all(type(n) is int and n >= 0 for n in (begin, end, *shape)):
        raise ValueError("negative, or not an integer")
    return begin, end, prod(shape), ITEM_BYTES[entry["dtype"]]
