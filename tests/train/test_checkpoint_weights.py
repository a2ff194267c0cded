"""The weights of an exported checkpoint, read as the state of a run."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from train.errors import TrainError
from train.weights import load_run

BUNDLED = Path(__file__).parents[2] / "registry" / "bundled"


def test_a_tampered_checkpoint_is_refused(tmp_path):
    folder = shutil.copytree(BUNDLED / "segformer-b0", tmp_path / "copy")
    weights = folder / "model.safetensors"
    data = bytearray(weights.read_bytes())
    data[-100] ^= 1
    weights.write_bytes(data)
    with pytest.raises(TrainError, match="model.safetensors"):
        load_run(folder)
