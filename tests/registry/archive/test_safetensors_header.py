from __future__ import annotations

import json
import struct

import pytest
import torch
from safetensors.torch import save

from registry.archive.safetensors_header import check_safetensors
from registry.errors import CheckpointDamaged


def test_parameters_of_a_file_of_the_library_are_counted() -> None:
    tensors = {"a": torch.zeros(3, 4), "b": torch.zeros(5, dtype=torch.int64), "c": torch.zeros(0, 2)}
    tensors |= {"d": torch.zeros((), dtype=torch.bfloat16), "e": torch.zeros(7, dtype=torch.bool)}
    assert check_safetensors(save(tensors, {"format": "pt"})) == 12 + 5 + 0 + 1 + 7


def safetensors_bytes(value: object, body: bytes = b"") -> bytes:
    text = json.dumps(value).encode()
    return struct.pack("<Q", len(text)) + text + body


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"\x02\0\0",
        struct.pack("<Q", 2**63) + b"{}",
        struct.pack("<Q", 50) + b"{}",
        safetensors_bytes([]),
        safetensors_bytes({"a": 1}),
        safetensors_bytes({"a": {"dtype": "F32", "shape": [2], "data_offsets": [0, 4]}}, bytes(4)),
        safetensors_bytes({"a": {"dtype": "F32", "shape": [1], "data_offsets": [4, 8]}}, bytes(8)),
        safetensors_bytes({"a": {"dtype": "F32", "shape": [1], "data_offsets": [0, 4]}}, bytes(5)),
        safetensors_bytes({"a": {"dtype": "F32", "shape": [-1], "data_offsets": [0, -4]}}),
        safetensors_bytes({"a": {"dtype": "PY", "shape": [1], "data_offsets": [0, 4]}}, bytes(4)),
    ],
)
def test_a_header_that_does_not_describe_the_file_is_refused(data: bytes) -> None:
    with pytest.raises(CheckpointDamaged, match="model.safetensors"):
        check_safetensors(data)
