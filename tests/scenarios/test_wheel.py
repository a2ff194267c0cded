"""The wheel: its contents, its metadata and its command, built offline from the files of the project."""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import sys
import sysconfig
import urllib.request
import zipfile
from email import message_from_bytes
from email.message import Message
from pathlib import Path

import pytest
from packaging.requirements import Requirement

from liverseg.phantom import write
from tests.app_process import AppProcess
from tests.phantoms import make

ROOT = Path(__file__).parents[2]
FILES = ("pyproject.toml", "setup.py", "README.md", "LICENSE")
PACKAGES = ("liverseg", "registry", "train")
ENVIRONMENT = {name: value for name, value in os.environ.items() if not name.startswith("PYTHON")}
BUILD = "import sys; from setuptools import build_meta; build_meta.build_wheel(sys.argv[1])"


@pytest.fixture(scope="module")
def wheel_file(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The wheel of a copy of the project, whose safetensors are empty files; the wheel leaves them out."""
    folder = tmp_path_factory.mktemp("wheel")
    for package in PACKAGES:
        large = shutil.ignore_patterns("__pycache__", "*.safetensors")
        shutil.copytree(ROOT / package, folder / package, ignore=large)
    for path in (ROOT / "registry" / "bundled").glob("*/*.safetensors"):
        (folder / path.relative_to(ROOT)).touch()
    for name in FILES:
        shutil.copy(ROOT / name, folder)
    subprocess.run([sys.executable, "-c", BUILD, "out"], cwd=folder, check=True, capture_output=True)
    (built,) = (folder / "out").glob("*.whl")
    return built


@pytest.fixture(scope="module")
def wheel(wheel_file: Path) -> zipfile.ZipFile:
    return zipfile.ZipFile(wheel_file)


@pytest.fixture(scope="module")
def elsewhere(wheel_file: Path, tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    """The command of the wheel installed in an environment of its own, and a folder to run it in.

    The other packages are those of the environment of the tests, whose own copy of the project is not found:
    it is an editable installation, which needs a `.pth` file there to be read. The folder has packages of the
    same names as those of the project, which nobody may import.
    """
    folder = tmp_path_factory.mktemp("elsewhere")
    subprocess.run([sys.executable, "-m", "venv", "--without-pip", folder / "venv"], check=True)
    python = folder / "venv" / "bin" / "python"
    site = Path(sysconfig.get_path("purelib", vars={"base": str(folder / "venv")}))
    pip = [
        sys.executable,
        "-m",
        "pip",
        "--python",
        python,
        "--quiet",
        "--disable-pip-version-check",
        "install",
    ]
    subprocess.run([*pip, "--no-index", "--no-deps", "--no-compile", wheel_file], check=True, cwd=folder)
    (site / "other_packages.pth").write_text(sysconfig.get_path("purelib") + "\n")
    for package in PACKAGES:
        (folder / "here" / package).mkdir(parents=True)
        (folder / "here" / package / "__init__.py").write_text("raise SystemExit('the wrong package')")
    return python.with_name("liverseg"), folder / "here"


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
    assert "](https://" in text and not re.search(r"\]\((?!https://)", text)  # no link to a file beside it
    (points,) = (name for name in wheel.namelist() if name.endswith("entry_points.txt"))
    assert "liverseg = liverseg.__main__:main" in wheel.read(points).decode()


def test_the_ranges_hold_the_pinned_versions(metadata):
    lines = (ROOT / "requirements.txt").read_text(encoding="utf-8").splitlines()
    pins = dict(line.split("==") for line in lines if "==" in line)
    required = [Requirement(text) for text in metadata.get_all("Requires-Dist")]
    own = [one for one in required if one.marker is None or "extra" not in str(one.marker)]
    ranges = {one.name: one.specifier for one in own}
    assert ranges.keys() == pins.keys()
    for name, version in pins.items():
        assert ranges[name].contains(version) and not str(ranges[name]).startswith("=="), name


@pytest.mark.parametrize(
    ("arguments", "status", "text"),
    [
        (["train", "nothing"], 2, "crossvalidate"),  # the error lists the commands
        (["registry", "show", "nothing"], 1, "nothing"),
        (
            ["registry", "verify", "segformer-b0-fast"],
            0,
            "model.safetensors is not part of the installed package",
        ),
        (
            ["registry", "push", "{site}/registry/bundled/segformer-b0", "."],
            1,
            "not part of the installed package",
        ),
        (["registry", "space", "lab/page"], 1, "which the installed package does not have"),
    ],
)
def test_the_command_runs_beside_folders_of_the_same_names(
    elsewhere: tuple[Path, Path], arguments: list[str], status: int, text: str
) -> None:
    """The console command does not search the current folder, so a user's `train/` stays out of its way."""
    command, here = elsewhere
    site = next(command.parents[1].glob("lib/python*/site-packages"))
    arguments = [argument.format(site=site) for argument in arguments]
    done = subprocess.run([command, *arguments], cwd=here, env=ENVIRONMENT, capture_output=True, text=True)
    assert done.returncode == status and text in done.stdout + done.stderr, done.stderr
    assert "Traceback" not in done.stderr and len(list(here.iterdir())) == len(PACKAGES)


def test_the_installed_wheel_segments_and_serves(elsewhere: tuple[Path, Path], tmp_path: Path) -> None:
    command, here = elsewhere
    scan, out = tmp_path / "scan.png", tmp_path / "out"
    write(make("slice", seed=2), scan)
    subprocess.run(
        [command, "segment", scan, "--out", out], cwd=here, env=ENVIRONMENT, check=True, capture_output=True
    )
    report = json.loads((out / "report.json").read_text())
    assert report["liver"]["pixels"] > 1000 and report["checkpoint"]["registry"] == "bundled"
    with AppProcess(tmp_path / "log", [command, "serve"], here, PYTHONPATH="") as app:
        with urllib.request.urlopen(app.url, timeout=60) as page:
            assert b"liverseg" in page.read()
        assert "Traceback" not in app.log()
