"""The downloads of a result: every file by itself, and one zip of all files."""

from __future__ import annotations

import shutil
import tempfile
import zipfile
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import gradio as gr

from liverseg.app.html import page_text
from liverseg.app.page.updates import Updates
from liverseg.app.state.messages import sentence_for
from liverseg.app.state.session import PageAnalysis
from liverseg.app.state.view import View
from liverseg.core.image import CTImage
from liverseg.core.window import Window
from liverseg.errors import InvalidSetting
from liverseg.io.write import (
    FORMATS,
    ResultView,
    check_formats,
    default_formats,
    write_comparison,
    write_results,
)
from liverseg.rendering.comparison import comparison_overview

ZIP_NAME = "liverseg-results.zip"

GRID_FORMATS = ("nifti", "png")
"""Formats of labels and probabilities; an input gets the one that is the default for it."""

COMPRESSED_SUFFIXES = (".gz", ".png", ".pdf")
"""Files that are stored in the zip without compressing them again."""

CopyToCache = Callable[[str], str | None]
"""Copies a file to a folder that gradio serves and empties on schedule; returns the path of the copy."""


def formats_for(ct: CTImage) -> tuple[str, ...]:
    """The formats of `write_results` that suit an image.

    >>> import numpy as np
    >>> from liverseg.core.geometry import upright_grid
    >>> hu = np.zeros((2, 64, 64), np.float32)
    >>> ct = CTImage(hu, None, "", "array", upright_grid(hu.shape), "volume")
    >>> "nifti" in formats_for(ct), "png" in formats_for(ct), "glb" in formats_for(ct)
    (True, False, False)
    """
    others = set(GRID_FORMATS) - set(default_formats(ct))
    return tuple(name for name in FORMATS if name not in others and _is_possible(ct, name))


def _is_possible(ct: CTImage, name: str) -> bool:
    try:
        check_formats(ct, (name,))
    except InvalidSetting:
        return False
    return True


def write_all_files(folder: Path, analysis: PageAnalysis, index: int, window: Window) -> list[Path]:
    """Write all files of an analysis and of its comparison; overview and PDF show slice `index`.

    Raises `InvalidSetting` as `write_results` does.
    """
    ct, seg, report = analysis.ct, analysis.seg, analysis.report
    formats = formats_for(ct)
    written = write_results(folder, ct, seg, report, formats, ResultView(window))
    if "pdf" in formats and len(ct.hu) > 1:
        written += write_results(folder, ct, seg, report, ("pdf",), ResultView(window, index))
    if analysis.second is not None and analysis.agreement is not None:
        overview = comparison_overview(ct, seg, analysis.second.seg, index, window)
        written += write_comparison(folder, analysis.agreement, report, analysis.second.report, overview)
    return list(dict.fromkeys(written))


def write_zip(files: Sequence[Path], target: Path) -> Path:
    """Write a zip of files under their names. It has no time stamps, so equal files give an equal zip."""
    with zipfile.ZipFile(target, "w") as archive:
        for file in files:
            entry = zipfile.ZipInfo(file.name)  # dated 1980-01-01
            is_compressed = file.suffix in COMPRESSED_SUFFIXES
            entry.compress_type = zipfile.ZIP_STORED if is_compressed else zipfile.ZIP_DEFLATED
            entry.external_attr = 0o644 << 16
            with file.open("rb") as source, archive.open(entry, "w", force_zip64=True) as stream:
                shutil.copyfileobj(source, stream, 1 << 20)
    return target


def prepare(analysis: PageAnalysis | None, shown: bool, view: View, copy_to_cache: CopyToCache) -> Updates:
    """The downloads of a result, the zip first; pictures show the slice and the window of `view`."""
    if analysis is None:
        return {"problem": page_text.problem(page_text.EXPIRED)} if shown else {}
    folder = Path(tempfile.mkdtemp(prefix="liverseg-results-"))
    try:
        index = view.within(len(analysis.ct.hu)).slice_index
        written = write_all_files(folder, analysis, index, view.window)
        files = [write_zip(written, folder / ZIP_NAME), *written]
        return {"files": gr.update(value=[copy_to_cache(str(path)) for path in files], visible=True)}
    except Exception as error:  # `sentence_for` logs what is unexpected; the page goes on
        return {"problem": page_text.problem(sentence_for(error))}
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def cache_copier(component: Any) -> CopyToCache:
    """A function that copies files to the cache of a component, which `delete_cache` empties.

    Gradio calls it itself on values that an event returns, but only after the event, when the temporary
    folder is gone; no public function copies a file earlier.
    """
    copy_to_cache: CopyToCache = component.move_resource_to_block_cache
    return copy_to_cache
