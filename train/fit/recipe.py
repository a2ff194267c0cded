"""A recipe: a config file of `fit` with stages, each a run that starts from the last weights before it.

    option.decoder_width = 128          # an option of all stages
    [[stages]]
    name = "liver"
    data = ["data/msd-liver:1:0.6"]
    samples = 24000
    [[stages]]
    name = "tumours"
    data = ["data/lits:0.6:0.35", "data/msd-liver:0.4:0.5"]
    samples = 60000

The run folder holds a run folder for each stage, `stage-1-liver` and `stage-2-tumours`, and the recipe.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from registry.files import write_atomically
from train.errors import TrainError

STAGES = "stages"


@dataclass(frozen=True)
class Stage:
    """One stage of a recipe."""

    folder: str  # its run folder's name
    options: dict[str, Any]  # of `fit`, as in a config file, without the weights that it starts from

    @property
    def states_start(self) -> bool:
        """Whether the stage names the weights that it starts from."""
        return bool({"init", "pretrained"} & self.options.keys())


def stages_of(values: dict[str, Any], source: Path) -> list[Stage]:
    """The stages in the content of the config file `source`; the options outside apply to all of them.

    Raises `TrainError` when the stages are not a list of tables or their names are not plain words.
    """
    common = {name: value for name, value in values.items() if name != STAGES}
    tables = values[STAGES]
    if not isinstance(tables, list) or not tables or not all(isinstance(table, dict) for table in tables):
        raise TrainError(f"The stages in {source} must be tables that each begin with [[stages]].")
    stages = []
    for number, table in enumerate(tables, start=1):
        name = str(table.get("name", ""))
        if not re.fullmatch(r"[\w.-]*", name):
            raise TrainError(
                f"The name of stage {number} in {source} may hold letters, digits, - and _ only."
            )
        options = {**common, **{key: value for key, value in table.items() if key != "name"}}
        stages.append(Stage(f"stage-{number}-{name}".removesuffix("-"), options))
    return stages


def keep_recipe(source: Path, run: Path) -> None:
    """Copy the recipe into the run folder. Raises `TrainError` when the folder cannot be written."""
    target, text = run / f"recipe{source.suffix}", source.read_bytes()
    if target.exists() and target.read_bytes() == text:
        return
    try:
        write_atomically(target, text)
    except OSError as error:
        raise TrainError(f"{run} cannot be written: {error.strerror}.") from error
