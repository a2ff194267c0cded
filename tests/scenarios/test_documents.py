"""README and docs/: every page is in the index, every link leads somewhere, every command parses."""

from __future__ import annotations

import re
import shlex
import subprocess
import tomllib
from functools import cache
from pathlib import Path

import pytest
from packaging.requirements import Requirement

from liverseg.__main__ import build_parser as liverseg_parser
from registry.__main__ import build_parser as registry_parser

ROOT = Path(__file__).parents[2]
PAGES = sorted((ROOT / "docs").glob("*.md"))
DOCUMENTS = sorted([*ROOT.glob("*.md"), *PAGES, *(ROOT / "train").glob("*.md")])
README_LINES = 130
"""Most lines of the README after its front matter: one screen, and some scrolling."""

_LINK = re.compile(r"(?<!\\)\]\(([^()\s]+)\)")
_PARSERS = {"liverseg": liverseg_parser, "registry": registry_parser}


def prose(path: Path) -> str:
    """The text of a document without code blocks and code spans."""
    text = re.sub(r"^```.*?^```", "", path.read_text(encoding="utf-8"), flags=re.DOTALL | re.MULTILINE)
    return re.sub(r"(?<!`)`[^`\n]*`(?!`)", lambda span: "`" * len(span.group()), text)


@cache
def anchors(path: Path) -> set[str]:
    """The anchors that GitHub and the Hub give to the headings of a document."""
    text = re.sub(r"^```.*?^```", "", path.read_text(encoding="utf-8"), flags=re.DOTALL | re.MULTILINE)
    found: set[str] = set()
    for heading in re.findall(r"^#+ +(.*)$", text, re.MULTILINE):
        words = re.sub(r"[^\w\- ]", "", re.sub(r"\[([^\]]*)\]\([^)]*\)", r"\1", heading).lower())
        slug = words.replace(" ", "-")
        number = next(n for n in range(99) if (f"{slug}-{n}" if n else slug) not in found)
        found.add(f"{slug}-{number}" if number else slug)
    return found


def links(path: Path) -> list[str]:
    """The relative links of a document, with their anchors."""
    return [link for link in _LINK.findall(prose(path)) if not re.match(r"[a-z]+:", link)]


@pytest.mark.parametrize("path", DOCUMENTS, ids=lambda path: path.relative_to(ROOT).as_posix())
def test_every_relative_link_and_anchor_resolves(path):
    for link in links(path):
        name, _, anchor = link.partition("#")
        target = (path.parent / name).resolve() if name else path
        assert target.is_relative_to(ROOT) and target.exists(), f"{path.name} links to {link}"
        assert not anchor or anchor in anchors(target), f"{path.name} links to {link}"


def test_the_index_lists_every_page_and_the_readme_leads_to_it():
    index = ROOT / "docs" / "README.md"
    listed = {(index.parent / link.partition("#")[0]).resolve() for link in links(index)}
    assert set(PAGES) - {index} <= listed
    assert set((ROOT / "train" / "notebooks").glob("*.ipynb")) <= listed
    assert "docs/README.md" in links(ROOT / "README.md")


def test_every_page_that_a_file_names_exists():
    """Help texts, messages and comments name pages by their path."""
    tracked = subprocess.run(["git", "ls-files"], cwd=ROOT, check=True, capture_output=True, text=True)
    for name in tracked.stdout.splitlines():
        if name.endswith((".py", ".md", ".js", ".toml", ".txt", ".ipynb", ".sbatch", ".sh")) and name != NAME:
            text = (ROOT / name).read_text(encoding="utf-8") if (ROOT / name).exists() else ""
            for page in re.findall(r"docs/[\w-]+\.(?:md|svg)", text):
                assert (ROOT / page).exists(), f"{name} names {page}"


NAME = Path(__file__).relative_to(ROOT).as_posix()


def test_the_readme_is_short():
    body = (ROOT / "README.md").read_text(encoding="utf-8").split("---\n", 2)[2].strip()
    assert len(body.splitlines()) <= README_LINES


def documented_commands() -> list[tuple[str, list[str]]]:
    """Package and arguments of every command of `liverseg` and `registry` in a code block."""
    commands = []
    for path in DOCUMENTS:
        blocks = re.findall(r"^```\w*\n(.*?)^```", path.read_text(encoding="utf-8"), re.DOTALL | re.MULTILINE)
        for line in "\n".join(blocks).replace("\\\n", " ").splitlines():
            found = re.search(r"(?:^|python -m )(liverseg|registry) (.*)", line)
            if found and " | " not in line:  # the commands in docs/contracts.md are a list
                commands.append((found.group(1), shlex.split(found.group(2), comments=True)))
    return commands


def test_every_documented_command_parses():
    commands = documented_commands()
    assert len(commands) > 20 and {package for package, _ in commands} == set(_PARSERS)
    for package, words in commands:
        try:
            _PARSERS[package]().parse_args([word for word in words if word != "…"])
        except SystemExit as stopped:
            assert stopped.code == 0, (package, words)


def test_the_page_on_dependencies_has_a_row_for_each_and_names_files_that_exist():
    page = (ROOT / "docs" / "dependencies.md").read_text(encoding="utf-8")
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    groups = {"The app": project["dependencies"]}
    groups |= {f"Extra `{name}`": listed for name, listed in project["optional-dependencies"].items()}
    for title, listed in groups.items():
        section = re.search(rf"^## {title}\n(.*?)(?=^## )", page, re.DOTALL | re.MULTILINE)
        assert section, f"{title} has no section"
        rows = re.findall(r"^\| (`.*?) \|", section.group(1), re.MULTILINE)
        assert set(re.findall(r"`([^`]+)`", " ".join(rows))) == {Requirement(one).name for one in listed}
    for name in re.findall(r"`((?:liverseg|registry|train|tests|fuzzing|benchmarks)/[^`]*)`", page):
        assert (ROOT / name).exists(), name
