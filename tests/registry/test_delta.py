"""Files stored as differences, and checkpoints whose weights are stored so."""

from __future__ import annotations

import json
import random
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from registry import Checkpoint, CheckpointDamaged, FolderRegistry, open_checkpoint, open_registries, push
from registry import checkpoint as checkpoint_module
from registry.delta import make_delta, parse_delta
from registry.registries import BUNDLED_FOLDER
from registry.share import main
from registry.verify import verify

STORED = ("model.pt", "model.safetensors")


@pytest.fixture
def pair(write: Callable[..., Checkpoint]) -> tuple[Checkpoint, Checkpoint]:
    """Two checkpoints with the same weights in folders beside each other; the second as differences."""
    base, variant = write("b0", where="b0"), write("fast", where="fast", tumour_threshold=0.4)
    assert main([str(variant.folder), str(base.folder)]) == 0
    return base, open_checkpoint(variant.folder, "models")


@given(st.data())
def test_a_delta_gives_the_file_back(data: st.DataObject) -> None:
    rng = random.Random(data.draw(st.integers(0, 2**32)))
    base = rng.randbytes(data.draw(st.integers(0, 700)))
    target = bytearray(base)
    for _ in range(data.draw(st.integers(0, 4))):
        at = rng.randrange(len(target) + 1)
        target[at : at + rng.randrange(80)] = rng.randbytes(rng.randrange(80))
    delta = parse_delta(make_delta("b0", base, bytes(target)), len(target))
    assert delta.apply(base) == target and delta.reach() <= len(base)


@pytest.mark.parametrize(
    "change",
    [
        {"base": "../b0"},
        {"base": ".b0"},
        {"base": 1},
        {"parts": [[0, -1]]},
        {"parts": [[5, 2]]},
        {"parts": [[0, 10**9]]},
        {"parts": [[0, 4], True]},
        {"parts": [[0, 4], 10**12]},
        {"parts": "x"},
        {"parts": [["a", "b"]]},
        {"parts": [[0]]},
        {"own": "eA=="},
        {"own": None},
    ],
)
def test_a_malformed_delta_is_refused(change: dict[str, object]) -> None:
    sound = json.loads(make_delta("b0", b"a" * 64, b"a" * 64 + b"bcd"))
    assert parse_delta(json.dumps(sound).encode(), 67)
    with pytest.raises(CheckpointDamaged, match="differences"):
        parse_delta(json.dumps(sound | change).encode(), 67)
    with pytest.raises(CheckpointDamaged, match="differences"):
        parse_delta(b"\xff{", 67)


def test_a_shared_checkpoint_is_read_verified_and_published_whole(pair, tmp_path) -> None:
    base, variant = pair
    assert {path.name for path in variant.folder.iterdir()} >= {f"{name}.delta" for name in STORED}
    assert not any((variant.folder / name).exists() for name in STORED)
    assert all(result.ok for result in verify(variant)), verify(variant)
    assert variant.read_model() != base.read_model()
    (tmp_path / "models").rename(tmp_path / "renamed")
    pushed = push(tmp_path / "renamed" / "fast", str(tmp_path / "target"))
    shutil.rmtree(tmp_path / "renamed")
    whole = open_checkpoint(Path(pushed.location), "target")
    assert {path.name for path in whole.folder.iterdir()} == {*whole.manifest.files, "manifest.json"}
    assert whole.read_model() and main([pushed.location, pushed.location]) == 1


def test_sharing_twice_changes_nothing_and_a_shared_base_is_refused(pair, write, capsys) -> None:
    base, variant = pair
    before = {path.name: path.read_bytes() for path in variant.folder.iterdir()}
    assert main([str(variant.folder), str(base.folder)]) == 0
    assert {path.name: path.read_bytes() for path in variant.folder.iterdir()} == before
    third = write("third", where="third")
    assert main([str(third.folder), str(variant.folder)]) == 1
    assert "does not hold model.pt" in capsys.readouterr().err and (third.folder / "model.pt").exists()


def test_a_missing_or_changed_base_is_never_loaded(pair) -> None:
    base, variant = pair
    path = base.folder / "model.pt"
    data = path.read_bytes()
    for position in range(0, len(data), len(data) // 40):
        path.write_bytes(data[:position] + bytes([data[position] ^ 1]) + data[position + 1 :])
        try:
            assert variant.read_model()  # this byte of the base is not used
        except CheckpointDamaged as error:
            assert "model.pt" in str(error)
    path.write_bytes(data[:100])
    with pytest.raises(CheckpointDamaged, match="too short"):
        variant.read_model()
    path.unlink()
    with pytest.raises(CheckpointDamaged, match="missing beside this folder"):
        variant.read_model()


def test_a_bit_flipped_in_a_delta_is_never_loaded(pair) -> None:
    rng = random.Random(1)
    variant = pair[1]
    model = variant.read_model()
    for name in STORED:
        path = variant.folder / f"{name}.delta"
        data = path.read_bytes()
        for _ in range(60):
            position, bit = rng.randrange(len(data)), 1 << rng.randrange(8)
            path.write_bytes(data[:position] + bytes([data[position] ^ bit]) + data[position + 1 :])
            try:
                assert variant.read_model() == model  # such as an escape of the same letter
            except CheckpointDamaged:
                continue
        path.write_bytes(data)


def test_a_shared_checkpoint_set_aside_is_listed_again_once_its_base_is_repaired(pair, tmp_path) -> None:
    base, variant = pair
    data = (base.folder / "model.pt").read_bytes()
    (base.folder / "model.pt").write_bytes(data[:100])
    registries = open_registries(str(tmp_path / "models"))
    registries.set_aside(registries.find("fast"), "It is damaged.")
    with pytest.raises(CheckpointDamaged, match="It is damaged"):
        registries.find("fast")
    (base.folder / "model.pt").write_bytes(data)
    assert registries.find("fast").read_model()


def test_only_a_bundled_checkpoint_does_without_its_safetensors(write, monkeypatch) -> None:
    found = write("b0", where="b0")
    (found.folder / "model.safetensors").unlink()
    with pytest.raises(CheckpointDamaged, match=r"model\.safetensors of the checkpoint is missing"):
        found.read_model()
    monkeypatch.setattr(checkpoint_module, "BUNDLED_FOLDER", found.folder.parent)
    assert found.read_model()
    results = {result.name: result for result in verify(found)}
    assert all(result.ok for result in results.values()) and "safetensors" not in results
    assert "model.safetensors is not part of the installed package" in results["files"].detail
    with pytest.raises(CheckpointDamaged, match="installed package"):
        push(found.folder, "elsewhere")
    (found.folder / "metrics.csv").unlink()
    with pytest.raises(CheckpointDamaged, match=r"metrics\.csv"):
        found.read_model()


def test_the_bundled_checkpoints_are_complete_and_share_their_weights() -> None:
    for checkpoint in FolderRegistry(BUNDLED_FOLDER, "bundled").list().checkpoints:
        assert not checkpoint.left_out()
    fast = BUNDLED_FOLDER / "segformer-b0-fast"
    assert sum(path.stat().st_size for path in fast.glob("model.*")) < 100_000
