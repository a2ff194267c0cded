"""The runs that the options of `python -m train fit` describe: one, or the stages of a recipe."""

from __future__ import annotations

import argparse
import os
from collections.abc import Callable
from dataclasses import fields
from pathlib import Path
from typing import TYPE_CHECKING, Any

from train.errors import TrainError

if TYPE_CHECKING:
    from train.fit.settings import FitSettings, Runtime

Options = dict[str, Any]


def run_of(given: Options) -> tuple[Path, FitSettings, Runtime]:
    """The run folder and the settings of a run with these options by name. Raises `TrainError`."""
    from train.fit.settings import FitSettings, Runtime

    given = dict(given)
    if "out" not in given or "data" not in given:
        raise TrainError("Name at least one dataset with --data and the run folder with --out.")
    out = given.pop("out")
    runtime = {f.name: given.pop(f.name) for f in fields(Runtime) if f.name in given}
    return out, FitSettings(**given), Runtime(**runtime)


def stage_runs(
    args: argparse.Namespace, values: Options, merge: Callable[[argparse.Namespace, Options], Options]
) -> list[tuple[Path, FitSettings, Runtime]]:
    """The runs of a recipe with the content `values`, all of whose settings are checked.

    `merge` gives the options of a stage, which those of the command line, `args`, override. `--seed` of the
    command line is that of the first stage, and each further stage has the next one; `--init` and
    `--pretrained` are for the first stage. A stage starts from the last weights of the one before it, unless
    it names others. The recipe is kept in the run folder. Raises `TrainError`.
    """
    from train.fit.recipe import keep_recipe, stages_of

    if "out" not in args:
        raise TrainError("Name the run folder with --out.")
    runs: list[tuple[Path, FitSettings, Runtime]] = []
    for number, stage in enumerate(stages_of(values, args.config)):
        own = argparse.Namespace(**vars(args))
        own.out = args.out / stage.folder
        if "seed" in args:
            own.seed = args.seed + number
        if number:
            for name in ("init", "pretrained"):
                vars(own).pop(name, None)
            if not stage.states_start:
                own.init = str(runs[-1][0] / "final.pt")
        runs.append(run_of(merge(own, stage.options)))
    if os.environ.get("RANK", "0") == "0":
        keep_recipe(args.config, args.out)
    return runs
