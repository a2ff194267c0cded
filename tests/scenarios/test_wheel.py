"""The wheel: its contents, its metadata and its command, built offline from the files of the project."""

from __future__ import annotations

import shutil
import subprocess
import sys
import zipfile
from email import message_from_bytes
from email.message import Message
from pathlib import Path

import pytest
from packaging.requirements import Requirement

ROOT = Path(__file__).parents[2]
FILES = ("pyproject.toml", "setup.py", "README.md", "LICENSE")
PACKAGES = ("liverseg", "registry", "train")
BUILD = "import sys; from setuptools import build_meta; build_meta.build_wheel(sys.argv[1])"


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> zipfile.ZipFile:
    """The wheel of a copy of the project in which the networks are empty files, which are quick to pack."""
    folder = tmp_path_factory.mktemp("wheel")
    for package in PACKAGES:
        large = shutil.ignore_patterns("__pycache__", "*.pt", "*.safetensors")
        shutil.copytree(ROOT / package, folder / package, ignore=large)
    for path in (ROOT / "registry" / "bundled").glob("*/*.*"):
        (folder / path.relative_to(ROOT)).touch()
    for name in FILES:
        shutil.copy(ROOT / name, folder)
    subprocess.run([sys.executable, "-c", BUILD, "out"], cwd=folder, check=True, capture_output=True)
    (built,) = (folder / "out").glob("*.whl")
    return zipfile.ZipFile(built)


@pytest.fixture(scope="module")
def metadata(wheel: zipfile.ZipFile) -> Message:
    (name,) = (name for name in wheel.namelist() if name.endswith(".dist-info/METADATA"))
    return message_from_bytes(wheel.read(name))


def test_the_wheel_holds_every_module_and_data_file_of_the_packages(wheel):
    listed = subprocess.run(
        ["git", "ls-files", *PACKAGES], cwd=ROOT, check=True, capture_output=True, text=True
    )
    documents = {name for name in listed.stdout.split() if name.startswith("train/") and name[-3:] != ".py"}
    weights = {name for name in listed.stdout.split() if "/model.safetensors" in name}
    needed = set(listed.stdout.split()) - documents - weights
    held = {name for name in wheel.namelist() if ".dist-info/" not in name}
    assert needed <= held and not weights & held
    assert len(weights) == 3  # the repository has them: two files, and one delta
    assert {"train/recipes/segformer-b0-cpu.toml", "liverseg/py.typed", "registry/py.typed"} <= held
    assert {name.split("/")[0] for name in held} == set(PACKAGES)


def test_the_metadata_are_those_of_the_project(wheel, metadata):
    assert metadata["Name"] == "liverseg" and metadata["License-Expression"] == "Apache-2.0 AND CC-BY-SA-4.0"
    assert "Typing :: Typed" in metadata.get_all("Classifier")
    text = metadata.get_payload()
    assert metadata["Description-Content-Type"] == "text/markdown"
    assert text.startswith("# liverseg\n") and "sdk_version" not in text
    (points,) = (name for name in wheel.namelist() if name.endswith("entry_points.txt"))
    assert "liverseg = liverseg.__main__:main" in wheel.read(points).decode()


def test_the_ranges_hold_the_pinned_versions(metadata):
    lines = (ROOT / "requirements.txt").read_text(encoding="utf-8").splitlines()
    pins = dict(line.split("==") for line in lines if "==" in line)
    required = [Requirement(text) for text in metadata.get_all("Requires-Dist")]
    ranges = {one.name: one.specifier for one in required if one.marker is None}
    assert ranges.keys() == pins.keys()
    for name, version in pins.items():
        assert ranges[name].contains(version) and not str(ranges[name]).startswith("=="), name


def test_the_command_runs_elsewhere_beside_a_folder_called_train(wheel, tmp_path):
    """The console command does not search the current folder, so a user's `train/` stays out of its way."""
    site, here = tmp_path / "site", tmp_path / "here"
    wheel.extractall(site)
    for package in ("train", "registry"):
        (here / package).mkdir(parents=True)
        (here / package / "__init__.py").write_text("raise SystemExit('the wrong package')")
    command = tmp_path / "bin" / "liverseg"  # what pip writes for the entry point
    command.parent.mkdir()
    command.write_text("import sys\n\nfrom liverseg.__main__ import main\n\nsys.exit(main())\n")
    environment = {"PYTHONPATH": str(site), "PATH": "/usr/bin:/bin"}
    for arguments, status, text in (
        (["train", "nothing"], 2, "crossvalidate"),  # the error lists the commands
        (["registry", "show", "nothing"], 1, "nothing"),
        (["serve", "--help"], 0, "--port"),
    ):
        done = subprocess.run(
            [sys.executable, command, *arguments], cwd=here, env=environment, capture_output=True, text=True
        )
        assert done.returncode == status and text in done.stdout + done.stderr, done.stderr
