"""Cross-validation: every scan is scored by the run that did not train on it, and the scores are pooled."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from train.data.dataset import DatasetFolder
from train.data.folds import dataset_folds
from train.errors import TrainError
from train.evaluation.models import Model, Rules, run_model
from train.evaluation.modes import Modes, ModeScores, joint_record
from train.evaluation.record import evaluation_numbers
from train.evaluation.scans import scan_names, scans_of
from train.evaluation.scores import ScanScore
from train.weights import load_run, training_stages


@dataclass(frozen=True)
class Fold:
    """One run and the scans that it is scored on."""

    number: int
    run: Path
    folder: DatasetFolder
    split: str | None  # the split of `folder` that holds the scans; None: they may be in any split
    scans: tuple[str, ...]


def folds_of_runs(runs: Sequence[Path], folder: DatasetFolder, count: int) -> list[Fold]:
    """The folds of a dataset that the settings `folds`, `fold` and `groups` of the runs name.

    Raises `TrainError` unless there is one run for each of the `count` folds and the folds together hold
    each train and val scan of the dataset once.
    """
    result = []
    for run in runs:
        settings = load_run(run)["settings"]
        if settings.get("folds") != count or settings.get("fold") is None:
            raise TrainError(f"{run.name} was not trained for one of {count} folds.")
        scored = settings.get("validation") or settings["data"][0][0]
        if _open(scored, run).name != folder.name:
            raise TrainError(f"{run.name} was trained for a fold of another dataset than {folder.name}.")
        held_out = _folds_of_settings(folder, settings)[settings["fold"]]
        result.append(Fold(settings["fold"], run, folder, None, tuple(sorted(held_out))))
    if sorted(fold.number for fold in result) != list(range(count)):
        raise TrainError(f"Name one run for each of the folds 0 to {count - 1}.")
    all_scans = sorted(scan for split in ("train", "val") for scan in scan_names(folder, split))
    if sorted(scan for fold in result for scan in fold.scans) != all_scans:
        raise TrainError(
            f"The folds of the runs do not hold every scan of {folder.name} once. Check that all runs used "
            "the same groups."
        )
    return sorted(result, key=lambda fold: fold.number)


def folds_of_folders(runs: Sequence[Path], folders: Sequence[DatasetFolder]) -> list[Fold]:
    """The folds of runs with one dataset folder each, whose val split is the fold.

    Raises `TrainError` unless there is one folder per run, all of one dataset, and no scan is in two folds.
    """
    if len(runs) != len(folders):
        raise TrainError(
            f"There are {len(runs)} runs and {len(folders)} fold folders; name one folder for each run."
        )
    if len({folder.name for folder in folders}) > 1:
        raise TrainError("The fold folders belong to several datasets.")
    result = [
        Fold(number, run, folder, "val", tuple(scan_names(folder, "val")))
        for number, (run, folder) in enumerate(zip(runs, folders, strict=True))
    ]
    scans = [scan for fold in result for scan in fold.scans]
    twice = sorted({scan for scan in scans if scans.count(scan) > 1})
    if twice:
        raise TrainError(f"Scan {twice[0]} is held out by several folds.")
    return result


def folds_of_datasets(
    runs: Sequence[Path], folders: Sequence[DatasetFolder], once: bool = True
) -> list[Fold]:
    """The folds of runs with a dataset folder each in one or several datasets.

    `folders` holds all folders of the first dataset in the order of the runs, then those of the next. With
    `once`, a scan that an earlier dataset holds is left out: it counts in the first dataset only. Folds
    without scans are left out. Raises `TrainError` as `folds_of_folders` does.
    """
    count = len(runs)
    parts = [folders[start : start + count] for start in range(0, len(folders), count)]
    names = [part[0].name for part in parts]
    twice = sorted({name for name in names if names.count(name) > 1})
    if twice:
        raise TrainError(
            f"There are {count} runs and more fold folders of {twice[0]}; name one for each run."
        )
    result: list[Fold] = []
    for part in parts:
        known = {scan for fold in result for scan in fold.scans} if once else set()
        for fold in folds_of_folders(runs, part):
            scans = tuple(scan for scan in fold.scans if scan not in known)
            result.append(replace(fold, scans=scans))
    return [fold for fold in result if fold.scans]


def check_held_out(fold: Fold, state: dict | None = None, datasets: Collection[str] = ()) -> None:
    """Raise `TrainError` when the run, or one that it started from, was trained on a scan of its fold.

    Scans are identified by dataset name and scan name; in `datasets`, whose names are given, a scan name
    stands for the same scan. A training dataset of an older run that is no longer in its folder cannot be
    checked, and also raises `TrainError`.
    """
    state = load_run(fold.run) if state is None else state
    for stage in training_stages(state):
        if fold.folder.name in {data["name"] for data in stage.get("training", {}).get("datasets", ())}:
            raise TrainError(
                f"{fold.run.name} started from a checkpoint that was trained on scans of {fold.folder.name}."
            )
    trained = trained_scans(state, fold.run)
    seen = set().union(*(trained.get(name, set()) for name in {fold.folder.name, *datasets}))
    leaked = sorted(seen & set(fold.scans), key=lambda scan: (len(scan), scan))
    if leaked:
        raise TrainError(
            f"{fold.run.name} was trained on {len(leaked)} of the scans that fold {fold.number} holds out "
            f"(scan {leaked[0]})."
        )


def check_all_held_out(folds: Sequence[Fold]) -> None:
    """Raise `TrainError` as `check_held_out` does; a scan name stands for one scan in all the datasets."""
    datasets = {fold.folder.name for fold in folds}
    for fold in folds:
        check_held_out(fold, datasets=datasets)


def trained_scans(state: dict, run: Path) -> dict[str, set[str]]:
    """The training scans of a run and of the runs that it started from, by dataset name.

    Weights of older runs do not name them; their datasets are opened.
    """
    seen: dict[str, set[str]] = {}
    for stage in training_stages(state):
        settings = stage["settings"]
        recorded = stage.get("trained_scans")
        for name, scans in (recorded or {}).items():
            seen.setdefault(name, set()).update(scans)
        if recorded is not None or not settings["data"]:
            continue
        scored = settings.get("validation") or settings["data"][0][0]
        for path, *_ in settings["data"]:
            folder = _open(path, run)
            scans = set(scan_names(folder, "train"))
            if settings.get("folds") and _open(scored, run).name == folder.name:
                folds = _folds_of_settings(folder, settings)
                scans = set().union(*folds) - folds[settings["fold"]]
            seen.setdefault(folder.name, set()).update(scans)
    return seen


def _open(path: str, run: Path) -> DatasetFolder:
    try:
        return DatasetFolder.open(path)
    except TrainError as error:
        raise TrainError(f"The training data of {run.name} cannot be checked: {error}") from error


def _folds_of_settings(folder: DatasetFolder, settings: dict) -> list[set[str]]:
    """The scans of each fold, as `fit` computed them."""
    return dataset_folds(folder, settings["folds"], settings.get("groups"))


def cross_validate(
    folds: Sequence[Fold],
    modes: Modes,
    graph: tuple[int | None, int | None] = (None, None),
    rules: Rules | None = None,
    progress: Callable[[Iterator, int], Iterator] = lambda items, total: items,
) -> tuple[list[ModeScores], dict]:
    """Score every fold with its run; returns the scores by mode and the metrics record, pooled and per fold.

    All runs are checked by `check_held_out` before the first is scored. `graph` is the working size and the
    number of context slices, where they are not those of the runs; `rules` are the runs' rules for volumes
    and lesions. `progress` wraps the iterator of scores and receives their number.
    """
    check_all_held_out(folds)
    by_run = {fold.number: [f for f in folds if f.number == fold.number] for fold in folds}
    models: list[Model] = []

    def scored() -> Iterator[list[ScanScore]]:
        for number, own in by_run.items():
            models.append(run_model(own[0].run, *graph, rules))
            for fold in own:
                for scan in scans_of(fold.folder, fold.split, fold.scans):
                    scores = modes.score(scan, models[-1], snapshots=True)
                    yield [replace(score, fold=number) for score in scores]

    results = modes.results(list(progress(scored(), sum(len(fold.scans) for fold in folds))))
    name = f"cross-validation of {len(by_run)} runs: " + ", ".join(model.name for model in models)
    record = joint_record(results, name, {"kind": "cross-validation", "runs": len(by_run)})
    for result, part in zip(results, (record, record.get("volumes")), strict=False):
        part["split"] = f"cross-validation, {len(by_run)} folds"
        part["folds"] = [
            {
                "fold": number,
                "checkpoint": model.name,
                "model": model.about,
                "scans_held_out": [scan for fold in own for scan in fold.scans],
                **_without_lesions(
                    evaluation_numbers([s for s in result.scores if s.fold == number], result.protocol.seed)
                ),
            }
            for (number, own), model in zip(by_run.items(), models, strict=True)
        ]
    return results, record


def _without_lesions(numbers: dict) -> dict:
    """The numbers of a fold without lesions by size: a fold has too few of them."""
    return {key: value for key, value in numbers.items() if key not in ("lesions", "candidates")}
