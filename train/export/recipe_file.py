"""`recipe.toml` of a checkpoint: the settings of every run that led to it, as `fit --config` reads them."""

from __future__ import annotations

import json
import re
from dataclasses import fields
from typing import Any

from train.fit.config import ALIASES
from train.fit.settings import FitSettings
from train.weights import training_stages

RECIPE_FILE = "recipe.toml"

_NOT_OPTIONS = ("data", "init", "validation", "groups", "hard")
"""Settings that name files of the machine."""


def recipe_text(state: dict) -> str:
    """The recipe of a run as TOML: a stage for each run that it started from, and one for itself.

    Datasets are named as folders `data/NAME`, so no path of the machine is in the file. A stage starts from
    the last weights of the stage before it; a checkpoint or weights of other projects that the first stage
    started from are named by `init` or `pretrained`. Every setting is written, also those with their default,
    which another version of the project may change.
    """
    stages = training_stages(state)
    lines = [
        "# The settings of every run that led to these weights. To run them all:",
        "#   python -m train fit --config recipe.toml --out runs/again",
        "# The datasets are expected as the folders data/NAME, as `python -m train prepare` writes them.",
    ]
    init = None
    for stage in stages:
        if not stage["settings"]["data"]:  # a checkpoint, or weights without a record of their run
            init = stage.get("ref")
            continue
        lines += ["", "[[stages]]", *_stage_lines(stage, init)]
        init = None
    return "\n".join(lines) + "\n"


def _stage_lines(stage: dict, init: str | None) -> list[str]:
    settings, names = stage["settings"], _dataset_names(stage)
    values: dict[str, Any] = {
        "data": [
            ":".join(
                [f"data/{name}", *(f"{number:g}" for number in item[1:] if isinstance(number, int | float))]
            )
            for name, item in zip(names, settings["data"], strict=True)
        ]
    }
    if settings.get("validation"):
        paths = [item[0] for item in settings["data"]]
        scored = settings["validation"]
        name = names[paths.index(scored)] if scored in paths else _last_part(scored)
        values["validation"] = f"data/{name}"
    if settings.get("hard"):
        values["hard"] = [f"{_last_part(path)}:{share:g}" for path, share in settings["hard"]]
    if init:
        values["init"] = init
    for field in fields(FitSettings):
        value = settings.get(field.name)
        if field.name not in _NOT_OPTIONS and value not in (None, "", {}):
            name = ALIASES.get(field.name, field.name).replace("_", "-")
            values[name] = json.loads(json.dumps(value))
    if "pretrained" in values and (weights := stage.get("start_weights")):
        values["pretrained"] = weights[0]["name"]
    tables = {name: value for name, value in values.items() if isinstance(value, dict)}
    lines = [f"{name} = {_toml(value)}" for name, value in values.items() if name not in tables]
    for name, table in tables.items():
        lines += [
            f"[stages.{name}]",
            *(f"{json.dumps(key)} = {_toml(value)}" for key, value in table.items()),
        ]
    return lines


def _dataset_names(stage: dict) -> list[str]:
    """A folder name for each dataset of a stage."""
    described = [data["name"] for data in stage.get("datasets", ())]
    if len(described) != len(stage["settings"]["data"]):
        described = [_last_part(item[0]) for item in stage["settings"]["data"]]
    return [re.sub(r"[^\w.-]+", "-", name) for name in described]


def _last_part(path: str) -> str:
    """
    >>> _last_part("C:\\\\data\\\\lits"), _last_part("/data/lits/")
    ('lits', 'lits')
    """
    return re.split(r"[\\/]", path.rstrip("/"))[-1]


def _toml(value: Any) -> str:
    """A number, text, truth value or list as TOML, which writes these as JSON does."""
    return json.dumps(value, ensure_ascii=False)
