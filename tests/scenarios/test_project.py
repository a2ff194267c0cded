"""README and requirements: the numbers in the README, its front matter for the Space, the pinned packages."""

import ast
import re
import sys
from importlib.metadata import packages_distributions
from pathlib import Path

import pytest
import yaml

from registry import open_registries

ROOT = Path(__file__).parents[2]
README = (ROOT / "README.md").read_text(encoding="utf-8")
OWN_PACKAGES = {"liverseg", "registry", "train", "benchmarks"}


def pinned(name: str) -> dict[str, str]:
    """The pinned version of each package in a requirements file."""
    lines = (ROOT / name).read_text(encoding="utf-8").splitlines()
    pairs = (line.split("==") for line in lines if "==" in line)
    return {package.lower().replace("_", "-"): version for package, version in pairs}


def test_the_front_matter_describes_the_space_and_matches_the_pins():
    front = yaml.safe_load(README.split("---")[1])
    assert front["sdk"] == "gradio" and (ROOT / front["app_file"]).is_file()
    assert front["sdk_version"] == pinned("requirements.txt")["gradio"]
    assert front["license"] == "apache-2.0" and len(front["short_description"]) <= 60


def test_requirements_are_pinned_and_agree_with_the_constraints():
    required, constraints = pinned("requirements.txt"), pinned("constraints.txt")
    lines = (ROOT / "requirements.txt").read_text(encoding="utf-8").splitlines()
    assert all("==" in line for line in lines if line and not line.startswith("#"))
    assert required.items() <= constraints.items()
    assert not {"transformers", "accelerate", "safetensors"} & set(required)


@pytest.mark.parametrize("package", ["liverseg", "registry"])
def test_all_imports_of_the_app_are_in_the_requirements(package):
    app = set(pinned("requirements.txt"))
    providers = packages_distributions()
    for path in (ROOT / package).rglob("*.py"):
        required = app | {"ray", "pyarrow", "fsspec"} if path.parent.name == "cohort" else app
        for name in _imported_packages(path) - OWN_PACKAGES - set(sys.stdlib_module_names):
            distributions = {d.lower().replace("_", "-") for d in providers[name]}
            assert distributions & required, f"{path.name} imports {name}"
        if package == "liverseg":
            assert "train" not in _imported_packages(path)
        else:
            assert not {"train", "liverseg", "gradio", "torch"} & _imported_packages(path)


def _imported_packages(path: Path) -> set[str]:
    names = set()
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            names |= {alias.name.split(".")[0] for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.level == 0:
            names.add(node.module.split(".")[0])
    return names


def test_the_readme_has_the_dice_values_of_the_manifests():
    for checkpoint in open_registries("bundled").list():
        row = re.search(rf"^\| `{checkpoint.manifest.name}` .*$", README, re.MULTILINE)
        assert row, checkpoint.manifest.name
        dice = checkpoint.manifest.metrics[0]["values"]
        for metric in ("dice_global", "dice_per_case"):
            for structure in ("liver", "tumour"):
                assert f"{dice[metric][structure]['value']:.3f}" in row.group()
