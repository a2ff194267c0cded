"""Runs dciodvfy, the DICOM validator of Debian's package dicom3tools."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path


def dciodvfy_errors(path: Path) -> list[str]:
    """The errors that dciodvfy reports for a SEG or RTSTRUCT, without its warnings."""
    program = shutil.which("dciodvfy")
    assert program, "dciodvfy is not installed: apt-get install dicom3tools"
    process = subprocess.run([program, path], capture_output=True, text=True, check=False)
    lines = (process.stdout + process.stderr).splitlines()
    assert "Segmentation" in lines or "RTStructureSet" in lines  # it recognised the kind of object
    return [line for line in lines if line.startswith(("Error", "Fatal"))]
