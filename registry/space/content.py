"""The files of a Gradio Space of this project.

They are the project's own files without tests and training. Two are changed for the Space: the front matter
of `README.md` (Python, hardware, weights to fetch before the first start) and torch in `requirements.txt`,
which on a CPU is its build for CPUs and on ZeroGPU another version. A Space installs that file together with
gradio's extras `oauth` and `mcp`. Only direct dependencies are pinned there, because the extras need other
versions of gradio's own dependencies.
"""

from __future__ import annotations

import re
import subprocess
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path

import yaml

from registry.card.front_matter import split_front_matter
from registry.checkpoint import Checkpoint, read_regular_file
from registry.errors import CheckpointDamaged, PushRefused
from registry.hub.client import SCHEME
from registry.manifest import CONFIG_FILE, MODEL_FILE
from registry.text import one_line

ROOT = Path(__file__).parents[2]
README, REQUIREMENTS, CONSTRAINTS = "README.md", "requirements.txt", "constraints.txt"
SINGLE_FILES = ("app.py", "LICENSE", README, REQUIREMENTS, CONSTRAINTS)
PACKAGES = ("liverseg/", "registry/")
BUNDLED_FILES = "registry/bundled/"
MAX_FILE_BYTES = 1024**3

_LINK = re.compile(r"\]\(([\w./-]+)(?:#[\w-]*)?\)")
_TOKEN = re.compile(rb"\bhf_[A-Za-z0-9]{30,}\b")


@dataclass(frozen=True)
class Hardware:
    """A kind of hardware for Spaces and the versions that it needs."""

    flavour: str  # the Hub's name for it
    python: str
    pins: tuple[
        tuple[str, str | None], ...
    ] = ()  # (package, version to pin instead; None removes the package)
    torch_index: str | None = None  # the package index with the build of torch for this hardware


HARDWARE = {
    hardware.flavour: hardware
    for hardware in (
        # PyPI has torch for CUDA, with gigabytes of libraries that no CPU needs.
        Hardware("cpu-basic", "3.11", torch_index="https://download.pytorch.org/whl/cpu"),
        # ZeroGPU supports only torch 2.8.0, 2.9.1, 2.10.0 and 2.11.0, with Python 3.12.12 or 3.10.13. The
        # network runs on torch there, so OpenVINO is not installed.
        Hardware("zero-a10g", "3.12.12", (("torch", "2.11.0"), ("openvino", None))),
    )
}
"""Flavour -> hardware; the first is the default."""


def project_files(root: Path = ROOT) -> list[str]:
    """The sorted paths of the project's files: those that git tracks, or without git those not hidden.

    Raises `PushRefused` where `root` is not a copy of the project, but for instance installed packages.
    """
    names = _git_files(root) or _visible_files(root)
    if not set(SINGLE_FILES) <= set(names):
        raise PushRefused(
            "A Space is made from a copy of the whole project, with app.py, README.md and requirements.txt, "
            "which the installed package does not have; run `python -m registry space` in such a copy."
        )
    return sorted(names)


def _git_files(root: Path) -> list[str]:
    """The files that git tracks; empty where `root` is not the project's git repository."""
    try:
        listing = subprocess.run(["git", "ls-files", "-z"], cwd=root, capture_output=True, timeout=60)
    except (OSError, subprocess.TimeoutExpired):
        return []
    names = [name for name in listing.stdout.decode(errors="surrogateescape").split("\0") if name]
    return names if listing.returncode == 0 and "app.py" in names else []


def _visible_files(root: Path) -> list[str]:
    """The files of the project's folders, and those that the README links to, without hidden files and
    compiled Python."""
    readme = root / README
    linked = _LINK.findall(readme.read_text(encoding="utf-8")) if readme.is_file() else []
    visible = set()
    for top in [root / name for name in (*SINGLE_FILES, *linked, *PACKAGES, "docs/")]:
        inside = top.rglob("*") if top.is_dir() else [top]
        names = [path.relative_to(root) for path in inside if path.is_file()]
        visible |= {
            n.as_posix() for n in names if not any(p[0] == "." or p == "__pycache__" for p in n.parts)
        }
    return sorted(visible)


def space_files(names: Iterable[str], readme: str, *, with_bundled: bool) -> list[str]:
    """The project's files that a Space needs: the page, its packages, and what the README shows and links to.

    The pages of `docs/` link to each other, so all of them are taken.

    >>> space_files(["app.py", "docs/api.md", "docs/app.png", "liverseg/core/image.py", "tests/t.py"],
    ...             "![x](docs/app.png)", with_bundled=True)
    ['app.py', 'docs/api.md', 'docs/app.png', 'liverseg/core/image.py']
    """
    wanted = {*SINGLE_FILES, *_LINK.findall(readme)}
    pages = {name for name in names if name.startswith("docs/") and name.endswith(".md")}
    chosen = [name for name in names if name in wanted | pages or name.startswith(PACKAGES)]
    return [name for name in chosen if with_bundled or not name.startswith(BUNDLED_FILES)]


def read_files(root: Path, names: Iterable[str], secrets: Iterable[str] = ()) -> dict[str, bytes]:
    """The content of files, by name.

    Raises `PushRefused` for a file that is missing, a link, too large, or contains a token of the Hub or one
    of `secrets`.
    """
    content = {}
    for name in names:
        try:
            data = read_regular_file(root / name, MAX_FILE_BYTES)
        except CheckpointDamaged:
            raise PushRefused(f"The file {one_line(name)} is missing, or is a link.") from None
        if len(data) > MAX_FILE_BYTES:
            raise PushRefused(f"The file {one_line(name)} is too large for a Space.")
        if _TOKEN.search(data) or any(secret.encode() in data for secret in secrets if secret):
            raise PushRefused(f"The file {one_line(name)} holds a token of the Hub; remove it first.")
        content[name] = data
    return content


def preload_line(checkpoint: Checkpoint) -> str:
    """The line of `preload_from_hub` for a checkpoint: repository, files needed to run it, commit."""
    files = [MODEL_FILE, *([CONFIG_FILE] if CONFIG_FILE in checkpoint.manifest.files else [])]
    return f"{_repository(checkpoint)} {','.join(files)} {checkpoint.revision}"


def _repository(checkpoint: Checkpoint) -> str:
    return f"{checkpoint.registry.removeprefix(SCHEME)}/{checkpoint.manifest.name}"


def space_readme(
    readme: str,
    hardware: Hardware,
    gradio_version: str,
    preloaded: Iterable[Checkpoint],
    models: Iterable[str],
) -> str:
    """The project's README with the front matter of a Space.

    The checkpoints `preloaded` are fetched when the Space is built; `models` are the model repositories that
    the Space's page on the Hub links to. Raises `PushRefused` for a README without front matter.
    """
    split = split_front_matter(readme)
    if split is None:
        raise PushRefused("The README has no front matter, which the Hub needs to configure the Space.")
    front, body = split
    front |= {
        "sdk": "gradio",
        "sdk_version": gradio_version,
        "python_version": hardware.python,
        "app_file": "app.py",
        "suggested_hardware": hardware.flavour,
    }
    lists = {
        "models": list(models),
        "preload_from_hub": [preload_line(checkpoint) for checkpoint in preloaded],
    }
    front |= {key: value for key, value in lists.items() if value}
    text = yaml.safe_dump(front, sort_keys=False, allow_unicode=True, width=1000)
    return f"---\n{text}---\n{body}"


def replace_pins(text: str, hardware: Hardware) -> str:
    """Lines `package==version` with the versions that the hardware needs.

    >>> replace_pins("torch==2.13.0\\nnumpy==2.4.6\\n", HARDWARE["zero-a10g"])
    'torch==2.11.0\\nnumpy==2.4.6\\n'
    """
    for package, version in hardware.pins:
        line = "" if version is None else f"{package}=={version}\n"
        text = re.sub(rf"^{package}==.*\n?", line, text, flags=re.MULTILINE)
    return text


def use_torch_index(requirements: str, hardware: Hardware) -> str:
    """The requirements with torch from the index of the hardware, where it has one.

    The local version `+cpu` keeps pip from choosing the build on PyPI, which has the same public version.

    >>> print(use_torch_index("torch==2.13.0\\n", HARDWARE["cpu-basic"]), end="")
    --extra-index-url https://download.pytorch.org/whl/cpu
    torch==2.13.0+cpu
    """
    if hardware.torch_index is None:
        return requirements
    build = hardware.torch_index.rpartition("/")[2]
    line = f"--extra-index-url {hardware.torch_index}\ntorch=={pinned_version(requirements, 'torch')}+{build}"
    return re.sub(r"^torch==\S+$", line, requirements, flags=re.MULTILINE)


def pinned_version(requirements: str, package: str) -> str:
    """The version in the line `package==version`; raises `PushRefused` where there is no such line.

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
    """Every file of the Space, made from the project's `files`.

    The checkpoints `preloaded` are fetched when the Space is built; `used` are all that it serves from the
    Hub.
    """
    requirements = use_torch_index(replace_pins(files[REQUIREMENTS].decode(), hardware), hardware)
    models = dict.fromkeys(_repository(checkpoint) for checkpoint in used)
    readme = space_readme(
        files[README].decode(), hardware, pinned_version(requirements, "gradio"), preloaded, models
    )
    return {
        **files,
        README: readme.encode(),
        REQUIREMENTS: requirements.encode(),
        CONSTRAINTS: replace_pins(files[CONSTRAINTS].decode(), hardware).encode(),
    }
