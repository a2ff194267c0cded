"""The files of a result on the page: made when they are asked for, kept until the result changes."""

from __future__ import annotations

import shutil
import time
import zipfile
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from liverseg.analysis.compare import Agreement
from liverseg.analysis.report import Report
from liverseg.app.html.downloads import Listing
from liverseg.app.html.page_text import KEEP_MINUTES
from liverseg.app.server import served_files
from liverseg.app.state.session import PageAnalysis
from liverseg.app.state.view import View
from liverseg.io.encoders import Results, encode_png
from liverseg.io.files import write_atomically
from liverseg.io.formats import TITLES
from liverseg.io.result_files import MAX_RESULT_BYTES, StoredFile, StoredFormat, store_formats
from liverseg.io.write import write_comparison
from liverseg.rendering.comparison import comparison_overview
from liverseg.rendering.slice_view import overview
from registry.files import atomic_path

ZIP_NAME = "liverseg-results.zip"

VIEW_FORMATS = frozenset({"pdf"})
"""Formats whose files show a slice in a window; the others depend on the result alone."""

REUSE_S = KEEP_MINUTES * 60 / 2
"""Age up to which files are listed again; they are deleted at twice this age."""

COMPRESSED_SUFFIXES = (".gz", ".png", ".pdf")
"""Files that are stored in the zip without compressing them again."""


@dataclass(frozen=True, eq=False)
class PreparedFiles:
    """The served files of one result in one view."""

    report: Report  # with `agreement`: the result that the files are of
    agreement: Agreement | None
    view: View
    folder: Path
    listing: Listing

    def is_of(self, analysis: PageAnalysis) -> bool:
        """Whether the files are of this very result."""
        return self.report is analysis.report and self.agreement is analysis.agreement

    def shows(self, view: View) -> bool:
        """Whether the pictures show the slice and the window of `view`."""
        return (self.view.slice_index, self.view.window) == (view.slice_index, view.window)

    def files(self) -> list[StoredFile]:
        """All files but the zip."""
        of_formats = [file for stored in self.listing.formats for file in stored.files]
        return [*of_formats, self.listing.overview, *self.listing.comparison]

    def kept(self) -> bool:
        """Whether all files are there and will be for a while."""
        try:
            oldest = min(file.path.stat().st_ctime for file in (*self.files(), self.listing.zip))
        except OSError:
            return False
        return time.time() - oldest < REUSE_S


def prepare_files(analysis: PageAnalysis, view: View, before: PreparedFiles | None) -> PreparedFiles:
    """The files of a result; what `before` holds of it already is not made again.

    Files that are no longer of use are deleted. Raises `OSError` where the disk is full.
    """
    view = view.within(len(analysis.ct.hu))
    known = before if before is not None and before.is_of(analysis) and before.kept() else None
    if known is not None and known.shows(view):
        return known
    if known is not None:
        folder, of_result = known.folder, _of_result(known.listing.formats)
    else:
        if before is not None:
            shutil.rmtree(before.folder, ignore_errors=True)
        folder, of_result = served_files.private_folder(), None
    try:
        return _prepared(analysis, view, folder, of_result)
    except BaseException:
        shutil.rmtree(folder, ignore_errors=True)
        raise


def _of_result(formats: Iterable[StoredFormat]) -> list[StoredFormat]:
    return [stored for stored in formats if stored.format not in VIEW_FORMATS]


def _prepared(
    analysis: PageAnalysis, view: View, folder: Path, of_result: list[StoredFormat] | None
) -> PreparedFiles:
    """The files of a result in `folder`; `of_result` are those that are there already, None: none is."""
    ct, seg, index = analysis.ct, analysis.seg, view.slice_index

    def store(name: str, content: bytes) -> Path:
        path = folder / name
        write_atomically(path, content)
        return path

    results = Results(ct, seg, analysis.report, None, None)  # in the default window, whatever is in view
    if of_result is None:
        of_result = store_formats(results, TITLES.keys() - VIEW_FORMATS, store)
    room = MAX_RESULT_BYTES - sum(file.size for stored in of_result for file in stored.files)
    of_view = store_formats(
        replace(results, window=view.window, slice_index=index), VIEW_FORMATS, store, room
    )
    order = list(TITLES)
    formats = sorted((*of_result, *of_view), key=lambda stored: order.index(stored.format))
    picture = _stored(store("overview.png", encode_png(overview(ct, seg, index, view.window))))
    compared = _comparison(analysis, view, folder)
    files = [*(file for stored in formats for file in stored.files), picture, *compared]
    archive = write_zip([file.path for file in files], folder / ZIP_NAME)
    number = index + 1 if len(ct.hu) > 1 else None
    listing = Listing(_stored(archive), formats, picture, compared, number)
    return PreparedFiles(analysis.report, analysis.agreement, view, folder, listing)


def _comparison(analysis: PageAnalysis, view: View, folder: Path) -> list[StoredFile]:
    if analysis.second is None or analysis.agreement is None:
        return []
    picture = comparison_overview(
        analysis.ct, analysis.seg, analysis.second.seg, view.slice_index, view.window
    )
    reports = (analysis.report, analysis.second.report)
    return [_stored(path) for path in write_comparison(folder, analysis.agreement, *reports, picture)]


def _stored(path: Path) -> StoredFile:
    return StoredFile(path, path.stat().st_size)


def write_zip(files: Sequence[Path], target: Path) -> Path:
    """Write a zip of files under their names. It has no time stamps, so equal files give an equal zip."""
    with atomic_path(target) as partial, zipfile.ZipFile(partial, "w") as archive:
        for file in files:
            entry = zipfile.ZipInfo(file.name)  # dated 1980-01-01
            is_compressed = file.suffix in COMPRESSED_SUFFIXES
            entry.compress_type = zipfile.ZIP_STORED if is_compressed else zipfile.ZIP_DEFLATED
            entry.external_attr = 0o644 << 16
            with file.open("rb") as source, archive.open(entry, "w", force_zip64=True) as stream:
                shutil.copyfileobj(source, stream, 1 << 20)
    return target
