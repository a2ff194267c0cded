"""`SECURITY.md` is up to date: its limits are those of the code, and packages have at least its versions."""

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
    """The pinned version of each package in a requirements file."""
    lines = (ROOT / name).read_text(encoding="utf-8").splitlines()
    pinned = (line.partition("==") for line in lines if "==" in line)
    return {package.split("[")[0].strip().lower(): Version(which.strip()) for package, _, which in pinned}


@pytest.mark.parametrize(("package", "floor"), FLOORS)
def test_packages_include_the_fixes_of_known_vulnerabilities(package, floor):
    pinned = pins("constraints.txt")
    assert pinned[package.lower()] >= Version(floor)
    assert Version(version(package)) >= Version(floor), "the installed version is older"


def test_the_table_has_the_known_floors_and_every_requirement_is_pinned():
    floors = {"gradio": "6.22.0", "pydicom": "3.0.2", "torch": "2.6.0"}
    assert floors.items() <= dict(FLOORS).items()
    constraints = pins("constraints.txt")
    for package, which in pins("requirements.txt").items():
        name = package.replace("-", "_")
        assert which in (constraints.get(package), constraints.get(name)), package


def test_the_limits_in_the_document_are_those_of_the_code():
    for text in (
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
        assert text in SECURITY, text
    assert limits.MAX_VOXELS == 1024 * 512 * 512 and layout.DELETE_CHECK_S <= 60


def test_the_page_shows_its_limits_in_one_line():
    line = page_text.limits_line()
    for text in ("1 GB", "64 to 2048 pixels", "1000 slices", "10\u202f000 files", "200 times"):
        assert text in line
    assert line in page_text.footer()
