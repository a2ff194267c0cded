"""Runs dciodvfy of Debian's dicom3tools, which validates DICOM, and dsrdump of dcmtk, which reads reports."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path


def dciodvfy_errors(path: Path) -> list[str]:
    """The errors that dciodvfy reports for a DICOM result, without its warnings."""
    program = shutil.which("dciodvfy")
    assert program, "dciodvfy is not installed: apt-get install dicom3tools"
    process = subprocess.run([program, path], capture_output=True, text=True, check=False)
    lines = (process.stdout + process.stderr).splitlines()
    kinds = {"Segmentation", "RTStructureSet", "ComprehensiveSR", "SCImage"}
    assert kinds & set(lines)  # it recognised the kind of object
    return [line for line in lines if line.startswith(("Error", "Fatal"))]


def dsrdump_text(path: Path) -> str:
    """A structured report as dsrdump prints it, which must have nothing to complain of."""
    program = shutil.which("dsrdump")
    assert program, "dsrdump is not installed: apt-get install dcmtk"
    process = subprocess.run([program, "+Pl", path], capture_output=True, text=True, check=True)
    assert not process.stderr
    return process.stdout
