"""`SECURITY.md` keeps its word: limits are those of the code, packages are at or above what it asks for."""

from __future__ import annotations

import re
from importlib.metadata import version
from pathlib import Path

import pytest
from packaging.version import Version

from liverseg.app import launch
from liverseg.app.html import page_text
from liverseg.app.page import layout
from liverseg.core import limits

ROOT = Path(__file__).parents[2]
SECURITY = (ROOT / "SECURITY.md").read_text(encoding="utf-8")
FLOORS = re.findall(r"^\| ([\w.-]+) \| ([0-9.]+) \| .*(?:CVE|GHSA)", SECURITY, re.MULTILINE)


def pins(name: str) -> dict[str, Version]:
    """The versions that a file of requirements pins, by name."""
    lines = (ROOT / name).read_text(encoding="utf-8").splitlines()
    pinned = (line.partition("==") for line in lines if "==" in line)
    return {package.split("[")[0].strip().lower(): Version(which.strip()) for package, _, which in pinned}


@pytest.mark.parametrize(("package", "floor"), FLOORS)
def test_packages_are_at_or_above_what_fixes_what_is_known(package, floor):
    pinned = pins("constraints.txt")
    assert pinned[package.lower()] >= Version(floor)
    assert Version(version(package)) >= Version(floor), "and what is installed is not older"


def test_the_floors_are_those_that_are_asked_for_and_every_requirement_is_pinned():
    asked = {"gradio": "6.22.0", "pydicom": "3.0.2", "torch": "2.6.0"}
    assert asked.items() <= dict(FLOORS).items()
    constraints = pins("constraints.txt")
    for package, which in pins("requirements.txt").items():
        name = package.replace("-", "_")
        assert which in (constraints.get(package), constraints.get(name)), package


def test_the_limits_are_those_of_the_code():
    for told in (
        f"{limits.MIN_SIDE_PX} to {limits.MAX_SIDE_PX}",
        f"{limits.MAX_SLICES}; 1024 × 512 × 512",
        f"{limits.MAX_PICTURE_BYTES >> 20} MiB, {limits.MAX_PICTURE_PARTS:,} chunks",
        f"{limits.MAX_JPEG_SCANS} JPEG scans",
        f"{limits.MAX_FILES:,}; {limits.MAX_FILE_BYTES >> 30} GiB",
        f"{limits.MAX_MEMBER_BYTES >> 20} MiB unpacked",
        f"{limits.MAX_UNPACKED_RATIO} beyond {limits.UNCHECKED_UNPACKED_BYTES >> 20} MiB",
        f"{limits.MAX_DICOM_READS:,}",
        f"| {launch.MAX_UPLOAD.replace('gb', ' GB')} |",
        f"deleted {page_text.KEEP_MINUTES} minutes after",
    ):
        assert told in SECURITY, told
    assert limits.MAX_VOXELS == 1024 * 512 * 512 and layout.LOOK_S <= 60


def test_the_page_tells_its_limits_in_one_line():
    line = page_text.limits_line()
    for told in ("1 GB", "64 to 2048 pixels", "1000 slices", "10,000 files", "200 times"):
        assert told in line
    assert line in page_text.footer()
