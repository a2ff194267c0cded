"""A checkpoint with any changed file is never loaded. Bits are flipped in every region of every file."""

from __future__ import annotations

import random
import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest

from registry import open_registries
from registry.errors import CheckpointDamaged, ManifestInvalid, RegistryError
from registry.folder import MANIFEST_FILE, open_checkpoint
from registry.registries import BUNDLED_FOLDER
from tests.registry.sample_checkpoint import manifest_for

REGIONS = 240  # per file; over a thousand flips in six files


@pytest.fixture
def folder(write) -> Path:
    return write("tiny", "1.0.0").folder


def flips(size: int, regions: int, rng: random.Random) -> Iterator[tuple[int, int]]:
    """A position and a bit mask to flip for each region of a file."""
    regions = min(regions, size)
    for region in range(regions):
        start, stop = region * size // regions, (region + 1) * size // regions
        yield rng.randrange(start, stop), 1 << rng.randrange(8)


def test_a_bit_flipped_anywhere_is_never_loaded(folder):
    checkpoint = open_checkpoint(folder, "here")
    rng, tried = random.Random(1), 0
    assert checkpoint.read_model(), "the unchanged checkpoint can be read"
    for name in sorted(checkpoint.manifest.files):
        path = folder / name
        data = path.read_bytes()
        for position, bit in flips(len(data), REGIONS, rng):
            path.write_bytes(data[:position] + bytes([data[position] ^ bit]) + data[position + 1 :])
            with pytest.raises(CheckpointDamaged, match=name):
                checkpoint.read_model()
            tried += 1
        path.write_bytes(data)
    manifest = (folder / MANIFEST_FILE).read_bytes()
    for position, bit in flips(len(manifest), REGIONS, rng):
        (folder / MANIFEST_FILE).write_bytes(
            manifest[:position] + bytes([manifest[position] ^ bit]) + manifest[position + 1 :]
        )
        with pytest.raises(RegistryError):
            open_checkpoint(folder, "here").read_model()
        tried += 1
    (folder / MANIFEST_FILE).write_bytes(manifest)
    assert checkpoint.read_model()
    assert tried >= 1000


def test_a_bit_flipped_in_a_bundled_checkpoint_is_never_loaded(tmp_path):
    folder = tmp_path / "b0"
    shutil.copytree(BUNDLED_FOLDER / "segformer-b0", folder)
    checkpoint = open_checkpoint(folder, "here")
    rng = random.Random(2)
    for name in sorted(checkpoint.manifest.files):
        path = folder / name
        for position, bit in flips(path.stat().st_size, 4, rng):
            with path.open("r+b") as file:
                file.seek(position)
                before = file.read(1)
                file.seek(position)
                file.write(bytes([before[0] ^ bit]))
            with pytest.raises(CheckpointDamaged, match=name):
                checkpoint.read_model()
            with path.open("r+b") as file:
                file.seek(position)
                file.write(before)
    assert checkpoint.read_model()


@pytest.mark.parametrize(
    "path", ["../tiny/model.pt", "..", "/etc/passwd", "a/b", "", ".hidden", "model.pt\n"]
)
def test_a_manifest_that_names_a_path_is_refused(folder, path):
    text = (folder / MANIFEST_FILE).read_text().replace('"config.json"', f'"{path}"'.replace("\n", "\\n"))
    (folder / MANIFEST_FILE).write_text(text)
    with pytest.raises(ManifestInvalid):
        open_checkpoint(folder, "here")


@pytest.mark.parametrize("name", ["model.pt", "README.md", "model.safetensors", "manifest.json"])
def test_a_link_instead_of_a_file_is_refused(folder, tmp_path, name):
    shutil.move(folder / name, tmp_path / "moved")
    (folder / name).symlink_to(tmp_path / "moved")
    with pytest.raises(CheckpointDamaged, match="is a link"):
        open_checkpoint(folder, "here").read_model()


def test_the_files_of_another_version_are_refused(write):
    old, new = write("tiny", "1.0.0"), write("tiny", "1.1.0")
    shutil.copy(old.folder / "model.pt", new.folder / "model.pt")
    mixed = open_registries(str(new.folder)).find("tiny@1.1.0")
    with pytest.raises(CheckpointDamaged, match="not the one its manifest describes|replaced"):
        mixed.read_model()


def test_a_folder_named_like_another_version_has_the_version_of_its_manifest(write, tmp_path):
    old, new = write("tiny", "1.0.0"), write("tiny", "1.1.0")
    target = tmp_path / "registry" / "tiny" / "1.1.0"
    shutil.copytree(old.folder, target)
    listed = open_registries(str(tmp_path / "registry"))
    assert [checkpoint.ref for checkpoint in listed.list()] == ["tiny@1.0.0"] and new.ref == "tiny@1.1.0"
    with pytest.raises(RegistryError):
        listed.find("tiny@1.1.0")


def test_a_manifest_that_claims_another_version_is_refused(folder):
    text = (folder / MANIFEST_FILE).read_text()
    assert manifest_for().version == "1.0.0"
    (folder / MANIFEST_FILE).write_text(text.replace('"version": "1.0.0"', '"version": "9.0.0"'))
    with pytest.raises(RegistryError):
        open_checkpoint(folder, "here").read_model()
