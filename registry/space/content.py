"""What a Gradio Space of this project holds: the files that the page needs, and what the Hub is told of them.

The tree is the project's own, tests and training aside. Two files are completed for the Space: the front
matter of `README.md` (Python, hardware, the weights to have at hand before the first start) and, for
ZeroGPU, the torch of `requirements.txt`. A Space installs that file and adds gradio's extras `oauth` and
`mcp` to it, so no more is pinned there: the extras ask for other versions of what gradio brings along.
"""

from __future__ import annotations

import re
import subprocess
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

from registry.checkpoint import Checkpoint, read_plain
from registry.errors import CheckpointDamaged, PushRefused
from registry.hub.cache import CONFIG_FILE
from registry.hub.client import SCHEME
from registry.manifest import MODEL_FILE
from registry.text import one_line

ROOT = Path(__file__).parents[2]
CARD, REQUIREMENTS, CONSTRAINTS = "README.md", "requirements.txt", "constraints.txt"
SINGLE_FILES = ("app.py", "LICENSE", CARD, REQUIREMENTS, CONSTRAINTS)
PACKAGES = ("liverseg/", "registry/")
BUNDLED_FILES = "registry/bundled/"
MAX_FILE_BYTES = 1024**3

_PICTURE = re.compile(r"!\[[^\]]*\]\(([\w./-]+)\)")
_FRONT = re.compile(r"---\n(.*?)\n---\n", re.DOTALL)
_TOKEN = re.compile(rb"\bhf_[A-Za-z0-9]{30,}\b")


@dataclass(frozen=True)
class Hardware:
    """What a kind of hardware needs."""

    flavour: str  # as the Hub calls it
    python: str
    pins: tuple[tuple[str, str | None], ...] = ()  # package -> version in place of ours; None: left out


HARDWARE = {
    hardware.flavour: hardware
    for hardware in (
        Hardware("cpu-basic", "3.11"),
        # ZeroGPU has torch 2.8.0, 2.9.1, 2.10.0 and 2.11.0 with Python 3.12.12 or 3.10.13, and no other. The
        # network runs on torch alone there.
        Hardware("zero-a10g", "3.12.12", (("torch", "2.11.0"), ("openvino", None))),
    )
}
"""By flavour; the first is the default."""


def project_files(root: Path = ROOT) -> list[str]:
    """The paths of the project's files in `root`, sorted: those that git tracks, else those not hidden.

    Raises `PushRefused` where `root` is not the project, as when only its packages were installed.
    """
    names = _tracked(root) or _walked(root)
    if not set(SINGLE_FILES) <= set(names):
        raise PushRefused(
            "A Space is made from a copy of the whole project, with app.py, README.md and requirements.txt; "
            "run this in one."
        )
    return sorted(names)


def _tracked(root: Path) -> list[str]:
    """Empty where `root` is not in a git repository that tracks it."""
    try:
        told = subprocess.run(["git", "ls-files", "-z"], cwd=root, capture_output=True, timeout=60)
    except (OSError, subprocess.TimeoutExpired):
        return []
    names = [name for name in told.stdout.decode(errors="surrogateescape").split("\0") if name]
    return names if told.returncode == 0 and "app.py" in names else []


def _walked(root: Path) -> list[str]:
    found = []
    for top in [root / name for name in SINGLE_FILES] + [root / name for name in (*PACKAGES, "docs/")]:
        inside = sorted(top.rglob("*")) if top.is_dir() else [top]
        names = [path.relative_to(root) for path in inside if path.is_file()]
        found += [n.as_posix() for n in names if not any(p[0] == "." or p == "__pycache__" for p in n.parts)]
    return found


def space_files(names: Iterable[str], card: str, *, with_bundled: bool) -> list[str]:
    """Of the project's files, those that belong on a Space: the page, its packages, the card's pictures.

    >>> space_files(["app.py", "docs/app.png", "liverseg/core/image.py", "tests/t.py"], "![x](docs/app.png)",
    ...             with_bundled=True)
    ['app.py', 'docs/app.png', 'liverseg/core/image.py']
    """
    wanted = {*SINGLE_FILES, *_PICTURE.findall(card)}
    chosen = [name for name in names if name in wanted or name.startswith(PACKAGES)]
    return [name for name in chosen if with_bundled or not name.startswith(BUNDLED_FILES)]


def read_files(root: Path, names: Iterable[str], secrets: Iterable[str] = ()) -> dict[str, bytes]:
    """The content of files, by their names.

    Raises `PushRefused` for one that is missing, is a link, or holds a token of the Hub or one of `secrets`.
    """
    content = {}
    for name in names:
        try:
            data = read_plain(root / name, MAX_FILE_BYTES)
        except CheckpointDamaged:
            raise PushRefused(f"The file {one_line(name)} is missing, or is a link.") from None
        if len(data) > MAX_FILE_BYTES:
            raise PushRefused(f"The file {one_line(name)} is too large for a Space.")
        if _TOKEN.search(data) or any(secret.encode() in data for secret in secrets if secret):
            raise PushRefused(f"The file {one_line(name)} holds a token of the Hub; take it out first.")
        content[name] = data
    return content


def preload_line(checkpoint: Checkpoint) -> str:
    """How the front matter asks for a checkpoint: repository, the files that running it reads, full hash."""
    files = [MODEL_FILE, *([CONFIG_FILE] if CONFIG_FILE in checkpoint.manifest.files else [])]
    return f"{_repository(checkpoint)} {','.join(files)} {checkpoint.revision}"


def _repository(checkpoint: Checkpoint) -> str:
    return f"{checkpoint.registry.removeprefix(SCHEME)}/{checkpoint.manifest.name}"


def space_card(
    card: str, hardware: Hardware, gradio_version: str, preloaded: Iterable[Checkpoint], used: Iterable[str]
) -> str:
    """The project's README as that of a Space, its front matter completed.

    `preloaded` are fetched when the Space is built, `used` the model repositories that it names.
    Raises `PushRefused` for a README without front matter.
    """
    match = _FRONT.match(card)
    front: dict[str, Any] | None = yaml.safe_load(match[1]) if match else None
    if match is None or not isinstance(front, dict):
        raise PushRefused("The README has no front matter, without which the Hub does not know the Space.")
    front |= {
        "sdk": "gradio",
        "sdk_version": gradio_version,
        "python_version": hardware.python,
        "app_file": "app.py",
        "suggested_hardware": hardware.flavour,
    }
    models, lines = list(used), [preload_line(checkpoint) for checkpoint in preloaded]
    front |= {key: value for key, value in (("models", models), ("preload_from_hub", lines)) if value}
    text = yaml.safe_dump(front, sort_keys=False, allow_unicode=True, width=1000)
    return f"---\n{text}---\n{card[match.end() :]}"


def repinned(text: str, hardware: Hardware) -> str:
    """Lines `package==version` with the pins that the hardware needs.

    >>> repinned("torch==2.13.0\\nnumpy==2.4.6\\n", HARDWARE["zero-a10g"])
    'torch==2.11.0\\nnumpy==2.4.6\\n'
    """
    for package, version in hardware.pins:
        line = "" if version is None else f"{package}=={version}\n"
        text = re.sub(rf"^{package}==.*\n?", line, text, flags=re.MULTILINE)
    return text


def pinned_version(requirements: str, package: str) -> str:
    """The version of a line `package==version`; raises `PushRefused` where there is none.

    >>> pinned_version("torch==2.13.0\\ngradio==6.31.0\\n", "gradio")
    '6.31.0'
    """
    match = re.search(rf"^{package}==(\S+)$", requirements, re.MULTILINE)
    if match is None:
        raise PushRefused(f"{REQUIREMENTS} does not pin {package}.")
    return match[1]


def space_content(
    files: Mapping[str, bytes],
    hardware: Hardware,
    preloaded: Iterable[Checkpoint],
    used: Iterable[Checkpoint],
) -> dict[str, bytes]:
    """Every file of the Space, from those of the project."""
    requirements = repinned(files[REQUIREMENTS].decode(), hardware)
    models = dict.fromkeys(_repository(checkpoint) for checkpoint in used)
    card = space_card(
        files[CARD].decode(), hardware, pinned_version(requirements, "gradio"), preloaded, models
    )
    return {
        **files,
        CARD: card.encode(),
        REQUIREMENTS: requirements.encode(),
        CONSTRAINTS: repinned(files[CONSTRAINTS].decode(), hardware).encode(),
    }
