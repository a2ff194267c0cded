"""TorchScript archives without debug records."""

from __future__ import annotations

import io
import zipfile

import torch

import train.models.graph
from liverseg.core.window import Window
from train.export.archive import without_debug_records


def test_only_debug_records_are_removed():
    buffer = io.BytesIO()
    module = torch.jit.script(
        train.models.graph.HuToProbabilities(torch.nn.Conv2d(3, 3, 1), [Window(60, 200)], 64, 1)
    )
    torch.jit.save(module, buffer, _extra_files={"manifest.json": "{}"})
    before = zipfile.ZipFile(buffer)
    after = zipfile.ZipFile(io.BytesIO(without_debug_records(buffer.getvalue())))
    kept = {name for name in before.namelist() if not name.endswith(".debug_pkl")}
    own = {name for name in kept if name.endswith("serialization_id")}
    assert set(after.namelist()) == kept
    assert all(after.read(name) == before.read(name) for name in kept - own)
    stored = torch.jit.load(io.BytesIO(without_debug_records(buffer.getvalue())))
    hu = torch.full((1, 1, 64, 80), 60.0)
    assert torch.equal(stored(hu), module(hu))
