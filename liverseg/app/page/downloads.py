"""Everything that there is to take away of a result: each file singly, and one zip of them all."""

from __future__ import annotations

import shutil
import tempfile
import zipfile
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import gradio as gr

from liverseg.app.html import page_text
from liverseg.app.html.page_text import sentence_for
from liverseg.app.page.updates import Updates
from liverseg.app.state.session import PageAnalysis
from liverseg.app.state.view import View
from liverseg.core.image import CTImage
from liverseg.core.window import Window
from liverseg.errors import InvalidSetting
from liverseg.io.write import FORMATS, check_formats, default_formats, write_comparison, write_results
from liverseg.rendering.comparison import comparison_overview

ZIP_NAME = "liverseg-results.zip"
GRIDS = ("nifti", "png")
"""Two ways to write labels and probabilities, of which an input gets its usual one."""

PACKED = (".gz", ".png", ".pdf")
"""Files that a zip would not make smaller."""

Keep = Callable[[str], str | None]
"""Copies a file to where gradio serves it, and deletes it in time."""


def formats_for(ct: CTImage) -> tuple[str, ...]:
    """All formats that `write_results` writes of this input.

    >>> import numpy as np
    >>> from liverseg.core.geometry import upright_grid
    >>> hu = np.zeros((2, 64, 64), np.float32)
    >>> ct = CTImage(hu, None, "", "array", upright_grid(hu.shape), "volume")
    >>> "nifti" in formats_for(ct), "png" in formats_for(ct), "glb" in formats_for(ct)
    (True, False, False)
    """
    usual = default_formats(ct)
    return tuple(name for name in FORMATS if _is_possible(ct, name) and (name not in GRIDS or name in usual))


def _is_possible(ct: CTImage, name: str) -> bool:
    try:
        check_formats(ct, (name,))
    except InvalidSetting:
        return False
    return True


def write_everything(folder: Path, analysis: PageAnalysis, index: int, window: Window) -> list[Path]:
    """Write all files of an analysis, and of the comparison beside it; overview and PDF show slice `index`.

    Raises `InvalidSetting` as `write_results` does.
    """
    ct, seg, report = analysis.ct, analysis.seg, analysis.report
    formats = formats_for(ct)
    written = write_results(folder, ct, seg, report, formats, window)
    if "pdf" in formats and len(ct.hu) > 1:
        written += write_results(folder, ct, seg, report, ("pdf",), window, index)
    if analysis.second is not None and analysis.agreement is not None:
        overview = comparison_overview(ct, seg, analysis.second.seg, index, window)
        written += write_comparison(folder, analysis.agreement, report, analysis.second.report, overview)
    return list(dict.fromkeys(written))


def zipped(files: Sequence[Path], target: Path) -> Path:
    """A zip of files, by their names; the same files give the same zip."""
    with zipfile.ZipFile(target, "w") as archive:
        for file in files:
            entry = zipfile.ZipInfo(file.name)  # of the year 1980: no time stamp
            entry.compress_type = zipfile.ZIP_STORED if file.suffix in PACKED else zipfile.ZIP_DEFLATED
            entry.external_attr = 0o644 << 16
            with file.open("rb") as source, archive.open(entry, "w", force_zip64=True) as stream:
                shutil.copyfileobj(source, stream, 1 << 20)
    return target


def prepare(analysis: PageAnalysis | None, shown: bool, view: View, keep: Keep) -> Updates:
    """The downloads of a result, the zip first; pictures show the slice and window of `view`."""
    if analysis is None:
        return {"problem": page_text.problem(page_text.EXPIRED)} if shown else {}
    folder = Path(tempfile.mkdtemp(prefix="liverseg-results-"))
    try:
        index = view.within(len(analysis.ct.hu)).slice_index
        written = write_everything(folder, analysis, index, view.window)
        everything = [zipped(written, folder / ZIP_NAME), *written]
        return {"files": gr.update(value=[keep(str(path)) for path in everything], visible=True)}
    except Exception as error:  # the boundary to the visitor, as in `updates.refusable`
        return {"problem": page_text.problem(sentence_for(error))}
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def keeper(block: Any) -> Keep:
    """How files get into the folder that `delete_cache` empties, for a component."""
    return block.move_resource_to_block_cache
