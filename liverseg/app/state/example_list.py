"""Which examples the page offers: what each one is, and the list of a folder (`examples.json` or `.toml`)."""

from __future__ import annotations

import json
import tomllib
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import Any
from urllib.parse import urlsplit

from liverseg.core.window import Window
from liverseg.errors import LiversegError, UnreadableInput
from registry.text import one_line

LIST_NAMES = ("examples.json", "examples.toml")
"""Names of the list in a folder or a data set; the first that is there is used."""

KEYS = ("title", "file", "truth", "licence", "citation", "source", "window", "series")
REQUIRED = ("title", "file", "licence")
MAX_EXAMPLES = 24
MAX_TITLE = 60
MAX_LIST_BYTES = 2**20
MAX_TEXT = 600

SYNTHETIC = "Synthetic, no patient data"
"""The licence line of the built-in examples."""


@dataclass(frozen=True)
class ExampleFiles:
    """Where the files of an example lie on this machine."""

    sources: tuple[str, ...]  # paths of the CT
    truth: str | None = None  # path of its labels


@dataclass(frozen=True)
class Example:
    """An example as the page offers it."""

    key: str  # unique in a list
    title: str
    fetch: Callable[[], ExampleFiles]  # generates or downloads the files; raises a `LiversegError`
    licence: str = SYNTHETIC
    citation: str = ""
    source: str = ""  # web address of the data; "": none
    window: Window | None = None  # that a picture was made with; None: 40/400 HU
    series: int | None = None


@dataclass(frozen=True)
class ExampleList:
    """The valid examples of a list, and a sentence for each entry that was left out."""

    examples: tuple[Example, ...]
    problems: tuple[str, ...] = ()


Locate = Callable[[str], tuple[str, ...]]
"""Paths on this machine of a file or folder of the list; raises a `LiversegError`."""


def read_folder(folder: Path) -> ExampleList:
    """The examples of a folder with a list. Raises `UnreadableInput` where there is no readable list."""
    path = next((folder / name for name in LIST_NAMES if (folder / name).is_file()), None)
    if path is None:
        raise UnreadableInput(f"The folder of examples has no {' or '.join(LIST_NAMES)}.")
    if path.stat().st_size > MAX_LIST_BYTES:
        raise UnreadableInput(f"The list {path.name} is larger than 1 MiB.")
    try:
        text = path.read_bytes()
    except OSError as error:
        raise UnreadableInput(f"The list {path.name} may not be read.") from error
    return parse_list(text, path.name, lambda name: _files_at(folder, name))


def parse_list(content: bytes, name: str, locate: Locate) -> ExampleList:
    """The examples of a list with the given file name, whose suffix says its format.

    Raises `UnreadableInput` where the list as a whole cannot be used.
    """
    try:
        data = json.loads(content) if name.endswith(".json") else tomllib.loads(content.decode("utf-8"))
    except (ValueError, RecursionError) as error:
        raise UnreadableInput(f"The list {name} is not valid {name.rpartition('.')[2].upper()}.") from error
    entries = data.get("examples") if isinstance(data, dict) else data
    if not isinstance(entries, list):
        raise UnreadableInput(f'The list {name} has no list "examples".')
    examples, problems = [], []
    for number, entry in enumerate(entries, 1):
        if len(examples) == MAX_EXAMPLES:
            problems.append(f"The list {name} has more than {MAX_EXAMPLES} examples; the rest is left out.")
            break
        reason = _fault(entry)
        if reason:
            problems.append(f"Example {number}{_named(entry)} of {name} is left out: {reason}.")
        else:
            examples.append(_example(f"{number}", entry, locate))
    return ExampleList(tuple(examples), tuple(problems))


def _named(entry: object) -> str:
    title = entry.get("title") if isinstance(entry, Mapping) else None
    return f' ("{one_line(title, MAX_TITLE)}")' if isinstance(title, str) and title else ""


def _fault(entry: object) -> str:
    """Why an entry cannot be used; empty where it can."""
    if not isinstance(entry, Mapping):
        return "it is not a table of keys and values"
    unknown = sorted(set(entry) - set(KEYS))
    if unknown:
        return f'the key "{one_line(unknown[0], 40)}" is unknown; the keys are {", ".join(KEYS)}'
    missing = [key for key in REQUIRED if not entry.get(key)]
    if missing:
        return f'it has no "{missing[0]}"'
    for key in ("title", "file", "truth", "licence", "citation", "source"):
        value = entry.get(key, "")
        if not isinstance(value, str) or len(value) > MAX_TEXT:
            return f'"{key}" must be a text of at most {MAX_TEXT} characters'
    if len(entry["title"]) > MAX_TITLE:
        return f"its title has more than {MAX_TITLE} characters"
    for key in ("file", "truth"):
        if entry.get(key) and not is_inside(entry[key]):
            return f'"{key}" must be a path below the folder of the list'
    if entry.get("source") and not _is_web_address(entry["source"]):
        return '"source" must be an address that starts with https:// or http://'
    series = entry.get("series")
    if series is not None and (isinstance(series, bool) or not isinstance(series, int) or series < 1):
        return '"series" must be a whole number from 1'
    return _window_fault(entry.get("window"))


def _window_fault(value: Any) -> str:
    if value is None:
        return ""
    try:
        Window(*(float(part) for part in value))
    except (LiversegError, TypeError, ValueError):
        return '"window" must be the centre and the width in HU, such as [40, 400]'
    return ""


def is_inside(path: str) -> bool:
    """Whether a relative path stays below its folder.

    >>> is_inside("scans/1.nii.gz"), is_inside("../1.nii.gz"), is_inside("/etc/1.nii.gz"), is_inside("a\\\\b")
    (True, False, False, False)
    """
    parts = PurePosixPath(path).parts
    return bool(parts) and path[0] != "/" and ".." not in parts and "\\" not in path and "\0" not in path


def _is_web_address(text: str) -> bool:
    try:
        parts = urlsplit(text)
    except ValueError:
        return False
    return parts.scheme in ("https", "http") and bool(parts.hostname)


def _example(key: str, entry: Mapping[str, Any], locate: Locate) -> Example:
    def fetch() -> ExampleFiles:
        truth = locate(entry["truth"]) if entry.get("truth") else ()
        return ExampleFiles(locate(entry["file"]), truth[0] if truth else None)

    window = entry.get("window")
    return Example(
        key,
        entry["title"],
        fetch,
        licence=entry["licence"],
        citation=entry.get("citation", ""),
        source=entry.get("source", ""),
        window=None if window is None else Window(*(float(part) for part in window)),
        series=entry.get("series"),
    )


def _files_at(folder: Path, name: str) -> tuple[str, ...]:
    """The file `name` below a folder, or every file of the folder `name`, sorted."""
    root, path = folder.resolve(), (folder / name).resolve()
    if not path.is_relative_to(root):
        raise UnreadableInput(f'"{one_line(name, 80)}" leads out of the folder of the examples.')
    if path.is_file():
        return (str(path),)
    files = sorted(str(file) for file in path.rglob("*") if file.is_file()) if path.is_dir() else []
    if not files:
        raise UnreadableInput(f'There is no file "{one_line(name, 80)}" in the folder of the examples.')
    return tuple(files)
