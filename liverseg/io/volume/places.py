"""Where volume files lie: on disk, or among the files of a folder, list or zip."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from functools import partial
from pathlib import Path, PurePosixPath

from liverseg.core.image import CTImage, NativeGrid
from liverseg.core.window import Window
from liverseg.errors import UnreadableInput
from liverseg.io.dicom.contents import skipped_warnings
from liverseg.io.dicom.sources import Files, open_with_size
from liverseg.io.folder import entry_beside
from liverseg.io.volume.open import FindBeside, OneFile, grid_of, no_data_file, read_volume


def on_disk(path: Path) -> tuple[OneFile, FindBeside]:
    """A file on disk, and how to find the data file beside it.

    A data file that is a link is opened only where `folder.entry_beside` follows it.
    """

    def find(name: str) -> OneFile:
        entry = entry_beside(path, name)
        if entry is None:
            return no_data_file(name)
        if entry.skipped:
            raise UnreadableInput(f"The data file that the header names is not read. {entry.skipped}")
        return OneFile(partial(open_with_size, entry.path))

    return OneFile(partial(open_with_size, path)), find


def read_only_volume(files: Files, volume_files: Sequence[tuple[int, str]], window: Window) -> CTImage:
    """The only volume file among files as a CTImage, with a warning on what else is there.

    `volume_files` has the number of the file and its kind. Raises as `open.read_volume` does.
    """
    (number, kind) = volume_files[0]
    used = {number}

    def find(name: str) -> OneFile:
        data_number = data_file_number(files, number, name)
        used.add(data_number)
        return _of_files(files, data_number)

    image = read_volume(kind, _of_files(files, number), find, window)
    left_out = len(files.names) - len(used)
    noun = "1 other file" if left_out == 1 else f"{left_out} other files"
    verb = "was" if left_out == 1 else "were"
    warnings = (f"{noun} of the {files.place} {verb} left out.",) if left_out else ()
    return replace(image, warnings=(*image.warnings, *warnings, *skipped_warnings(files.skipped)))


def grid_of_only_volume(files: Files, volume_files: Sequence[tuple[int, str]]) -> NativeGrid:
    """The grid in the header of the only volume file. Raises as `open.grid_of` does."""
    (number, kind) = volume_files[0]
    return grid_of(
        kind, _of_files(files, number), lambda name: _of_files(files, data_file_number(files, number, name))
    )


def data_file_number(files: Files, header: int, name: str) -> int:
    """The number of the data file `name` of the header with number `header`.

    In a folder or zip it lies in the folder of the header. In a list, whose files may have been renamed by an
    upload, it is the only other file where none has the name. Raises UnreadableInput where there is none.
    """
    wanted = name if files.place == "list" else str(PurePosixPath(files.names[header]).parent / name)
    found = [k for k, own in enumerate(files.names) if k != header and own == wanted]
    if not found and files.place == "list" and len(files.names) == 2:
        return 1 - header
    if not found:
        no_data_file(name)
    return found[0]


def _of_files(files: Files, number: int) -> OneFile:
    return OneFile(partial(files.open_whole, number))
