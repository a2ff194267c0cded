"""A TOML or YAML file of `fit` options, converted to command-line arguments.

Keys are the names of the command-line options, written with - or _. A list gives an option several values.
A list of lists or a table repeats the option. `true` sets a flag, `false` sets its `--no-` form. An option
given on the command line overrides the file.

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
"""Keys of `settings.json` and the option names they stand for."""


def read_config(path: Path) -> dict[str, Any]:
    """The keys and values of the file. Raises `TrainError` when it is not valid TOML or YAML."""
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
        raise TrainError(f"{path} must hold a table of option names and values.")
    return values


def as_arguments(values: dict[str, Any]) -> list[str]:
    """The keys and values of a file as command-line arguments; None leaves an option out.

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
