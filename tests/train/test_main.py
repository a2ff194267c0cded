"""The command line: every documented command parses, and a file error is one line."""

from __future__ import annotations

import argparse
import re
import shlex
from pathlib import Path

from train.__main__ import COMMANDS, main
from train.cli.fit import resolve
from train.fit.settings import FitSettings

ROOT = Path(__file__).parents[2]


def documented_commands():
    """The training commands in the help texts, the README and the pages on training, with their parser."""
    pages = ("training", "training-on-a-cluster", "recipes", "sampling", "evaluation")
    texts = [
        (ROOT / name).read_text(encoding="utf-8")
        for name in ("README.md", *(f"docs/{page}.md" for page in pages))
    ]
    blocks = [
        block for text in texts for block in re.findall(r"^```\w*\n(.*?)^```", text, re.DOTALL | re.MULTILINE)
    ]
    parser = argparse.ArgumentParser()
    subparsers = parser.add_subparsers()
    for command in COMMANDS:
        command.add_parser(subparsers)
    blocks += [command.epilog for command in subparsers.choices.values()]
    for line in "\n".join(blocks).replace("\\\n", " ").splitlines():
        words = shlex.split(line, comments=True) if re.search(r"-m train |fit\.sbatch ", line) else []
        if words and words[0] == "sbatch":
            yield parser, ["fit", *words[words.index("train/slurm/fit.sbatch") + 1 :]]
        elif words:
            yield parser, words[words.index("train", words.index("-m")) + 1 :]


def test_every_documented_training_command_parses():
    commands = list(documented_commands())
    assert len(commands) > 25 and {words[0] for _, words in commands} >= {
        "prepare",
        "fit",
        "export",
        "publish",
    }
    for parser, words in commands:
        args = parser.parse_args([word for word in words if word != "…"])
        if words[0] == "fit" and "--config" not in words:
            given = resolve(args)
            FitSettings(**{name: given[name] for name in given if name in FitSettings.__dataclass_fields__})


def test_a_file_error_is_reported_in_one_line(tmp_path, capsys):
    out = tmp_path / "none" / "page.md"
    assert main(["results", "--out", str(out)]) == 1
    assert capsys.readouterr().err == f"{out} cannot be read or written: No such file or directory.\n"
