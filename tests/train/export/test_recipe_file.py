"""The recipe that an exported checkpoint carries."""

from __future__ import annotations

import argparse
import tomllib
from dataclasses import replace

from train.cli.fit import add_parser, resolve
from train.export.recipe_file import recipe_text
from train.fit.settings import FitSettings


def stage(settings, names, **more):
    return {"settings": settings.record(), "datasets": [{"name": name} for name in names], **more}


def options_of(table, path):
    """The settings that `fit` gets from one stage in a file."""
    lines = [f"{name} = {value!r}" for name, value in table.items() if not isinstance(value, dict)]
    lines = [line.replace("True", "true").replace("False", "false") for line in lines]
    for name, value in table.items():
        if isinstance(value, dict):
            lines += [f"[{name}]", *(f"{key} = {inner!r}" for key, inner in value.items())]
    path.write_text("\n".join(lines))
    parser = argparse.ArgumentParser()
    add_parser(parser.add_subparsers())
    return resolve(parser.parse_args(["fit", "--config", str(path)]))


def test_each_stage_of_a_run_is_written_without_paths_of_the_machine(tmp_path):
    first = FitSettings(
        data=(("/secret/place/lits", 0.75, 0.6), ("/secret/phantoms", 0.25, 0.0)),
        validation="/secret/place/lits",
        init="/secret/b0",
        windows=((60.0, 200.0), (40.0, 400.0)),
        options={"decoder_width": 128},
        augment={"noise": 0.25},
        samples=16_000,
        seed=11,
        score_alone=True,
        flip="vertical",
    )
    last = FitSettings(data=(("/secret/more", 1.0, 0.0),), init="/secret/run", head_learning_rate=1e-3)
    checkpoint = {"settings": {"data": ()}, "ref": "segformer-b0@1.2.0"}
    lineage = [checkpoint, stage(first, ["lits-26", "phantoms"])]
    text = recipe_text(stage(last, ["more"], lineage=lineage))
    assert "secret" not in text
    stages = tomllib.loads(text)["stages"]
    assert [table.get("init") for table in stages] == ["segformer-b0@1.2.0", None]
    given = options_of(stages[0], tmp_path / "first.toml")
    assert FitSettings(**given) == replace(
        first,
        data=(("data/lits-26", 0.75, 0.6), ("data/phantoms", 0.25, 0.0)),
        validation="data/lits-26",
        init="segformer-b0@1.2.0",
    )
    given = options_of(stages[1], tmp_path / "last.toml")
    assert FitSettings(**given) == replace(last, data=(("data/more", 1.0, 0.0),), init=None)
    assert stages[1]["batch"] == 16, "defaults are written too"


def test_weights_of_another_project_are_named(tmp_path):
    settings = FitSettings(data=(("d", 1.0, 0.0),), pretrained="/secret/mit-b0", pretrained_licence="free")
    state = stage(settings, ["d"], lineage=[], start_weights=[{"name": "mit-b0", "licence": "free"}])
    (table,) = tomllib.loads(recipe_text(state))["stages"]
    assert table["pretrained"] == "mit-b0" and table["pretrained-licence"] == "free"
