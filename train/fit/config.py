"""Settings from a TOML or YAML file: the options of the command line by their names.

Names may be written with - or _. A list gives an option several values, a list of lists or a table gives
it several times, true gives a flag and false its opposite. What stands on the command line wins.

    arch = "segformer-b0"
    data = ["data/lits:0.8:0.3", "data/msd-liver:0.2"]
    windows = [[60, 200], [40, 400]]
    [option]
    decoder_width = 128
"""

from __future__ import annotations

import json
import tomllib
from pathlib import Path
from typing import Any

from train.errors import TrainError

ALIASES = {"architecture": "arch", "options": "option", "windows": "window"}
"""Names that settings.json uses for options that are called otherwise."""


def read_config(path: Path) -> dict[str, Any]:
    """The file's names and values. Raises `TrainError` when it is neither TOML nor YAML."""
    try:
        text = path.read_text(encoding="utf-8")
        if path.suffix == ".toml":
            values = tomllib.loads(text)
        elif path.suffix in (".yaml", ".yml"):
            import yaml

            try:
                values = yaml.safe_load(text)
            except yaml.YAMLError as error:
                raise TrainError(f"{path} is not valid YAML: {' '.join(str(error).split())}.") from error
        else:
            raise TrainError(f"{path} must end in .toml, .yaml or .yml.")
    except tomllib.TOMLDecodeError as error:
        raise TrainError(f"{path} is not valid TOML: {error}.") from error
    except (OSError, UnicodeDecodeError) as error:
        raise TrainError(f"{path} cannot be read.") from error
    if not isinstance(values, dict):
        raise TrainError(f"{path} must hold names and values.")
    return values


def as_arguments(values: dict[str, Any]) -> list[str]:
    """A file's names and values as command-line arguments.

    >>> as_arguments({"arch": "b0", "window": [[60, 200], [40, 400]], "option": {"width": 8}})
    ['--arch', 'b0', '--window', '60', '200', '--window', '40', '400', '--option', 'width=8']
    >>> as_arguments({"score_alone": True, "tensorboard": False, "patience": None, "crop": 256})
    ['--score-alone', '--no-tensorboard', '--crop', '256']
    """
    arguments: list[str] = []
    for name, value in values.items():
        option = "--" + ALIASES.get(name, name).replace("_", "-")
        if value is None:
            continue
        if isinstance(value, bool):
            arguments.append(option if value else option.replace("--", "--no-", 1))
        elif isinstance(value, dict):
            for key, inner in value.items():
                arguments += [option, f"{key}={json.dumps(inner)}"]
        elif isinstance(value, list) and value and all(isinstance(inner, list) for inner in value):
            for inner in value:
                arguments += [option, *map(str, inner)]
        else:
            arguments += [option, *map(str, value if isinstance(value, list) else [value])]
    return arguments
