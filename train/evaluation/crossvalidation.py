"""Cross-validation: every scan scored by the run that did not train on it, all of them pooled."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from train.data.dataset import DatasetFolder
from train.data.folds import dataset_folds
from train.errors import TrainError
from train.evaluation.models import Model, run_model
from train.evaluation.protocol import Protocol
from train.evaluation.record import numbers, record
from train.evaluation.scans import scan_names, scans_of
from train.evaluation.score_scan import score_scan
from train.evaluation.scores import ScanScore
from train.weights import load_run, stages

SPLITS = ("train", "val")


@dataclass(frozen=True)
class Fold:
    """One run, and the scans that it is to be scored on."""

    number: int
    run: Path
    folder: DatasetFolder
    split: str | None  # of `folder`; None: `scans` names them, whatever split they are in
    scans: tuple[str, ...]


def folds_of_runs(runs: Sequence[Path], folder: DatasetFolder, count: int) -> list[Fold]:
    """The folds that the runs' own settings (`folds`, `fold`, `groups`) name, one run each.

    Raises `TrainError` unless there is one run for each of the `count` folds of this dataset, and the
    folds together hold each of its train and val scans once.
    """
    result = []
    for run in runs:
        settings = load_run(run)["settings"]
        if settings.get("folds") != count or settings.get("fold") is None:
            raise TrainError(f"{run.name} was not fitted for one of {count} folds.")
        scored = settings.get("validation") or settings["data"][0][0]
        if _open(scored, run).name != folder.name:
            raise TrainError(f"{run.name} was fitted for a fold of another dataset than {folder.name}.")
        held = _partition(folder, settings)[settings["fold"]]
        result.append(Fold(settings["fold"], run, folder, None, tuple(sorted(held))))
    if sorted(fold.number for fold in result) != list(range(count)):
        raise TrainError(f"Name one run for each of the folds 0 to {count - 1}.")
    every = sorted(row for split in SPLITS for row in scan_names(folder, split))
    if sorted(scan for fold in result for scan in fold.scans) != every:
        raise TrainError(
            f"The runs' folds do not hold every scan of {folder.name} once; were their groups the same?"
        )
    return sorted(result, key=lambda fold: fold.number)


def folds_of_folders(runs: Sequence[Path], folders: Sequence[DatasetFolder]) -> list[Fold]:
    """A dataset folder a run, whose val split is what the run was not trained on.

    Raises `TrainError` unless there are as many of both, of one dataset, and no scan is in two folds.
    """
    if len(runs) != len(folders):
        raise TrainError(f"There are {len(runs)} runs and {len(folders)} fold folders; name one for each.")
    if len({folder.name for folder in folders}) > 1:
        raise TrainError("The fold folders are of several datasets.")
    result = [
        Fold(number, run, folder, "val", tuple(scan_names(folder, "val")))
        for number, (run, folder) in enumerate(zip(runs, folders, strict=True))
    ]
    scans = [scan for fold in result for scan in fold.scans]
    twice = sorted({scan for scan in scans if scans.count(scan) > 1})
    if twice:
        raise TrainError(f"Scan {twice[0]} is held out by several folds.")
    return result


def check_held_out(fold: Fold, state: dict | None = None) -> None:
    """Raises `TrainError` when the run, or one that it started from, was trained on a scan of its fold.

    Scans are told apart by dataset name and scan name. A dataset that is no longer where the run's
    settings say cannot be checked, which is refused too.
    """
    state = load_run(fold.run) if state is None else state
    for stage in stages(state):
        if fold.folder.name in {data["name"] for data in stage.get("training", {}).get("datasets", ())}:
            raise TrainError(
                f"{fold.run.name} started from a checkpoint that was trained on scans of {fold.folder.name}."
            )
    seen = trained_scans(state, fold.run).get(fold.folder.name, set())
    leaked = sorted(seen & set(fold.scans), key=lambda scan: (len(scan), scan))
    if leaked:
        raise TrainError(
            f"{fold.run.name} was trained on {len(leaked)} of the scans that fold {fold.number} holds out "
            f"(scan {leaked[0]})."
        )


def trained_scans(state: dict, run: Path) -> dict[str, set[str]]:
    """dataset name -> scans that a run was trained on, those of the runs it started from included."""
    seen: dict[str, set[str]] = {}
    for stage in stages(state):
        settings = stage["settings"]
        scored = settings.get("validation") or settings["data"][0][0]
        for path, *_ in settings["data"]:
            folder = _open(path, run)
            scans = set(scan_names(folder, "train"))
            if settings.get("folds") and _open(scored, run).name == folder.name:
                parts = _partition(folder, settings)
                scans = set().union(*parts) - parts[settings["fold"]]
            seen.setdefault(folder.name, set()).update(scans)
    return seen


def _open(path: str, run: Path) -> DatasetFolder:
    try:
        return DatasetFolder.open(path)
    except TrainError as error:
        raise TrainError(f"What {run.name} was trained on cannot be checked: {error}") from error


def _partition(folder: DatasetFolder, settings: dict) -> list[set[str]]:
    """The folds as `fit` dealt them out."""
    return dataset_folds(folder, settings["folds"], settings.get("groups"))


def cross_validate(
    folds: Sequence[Fold],
    protocol: Protocol,
    working_size: int | None = None,
    context_slices: int | None = None,
    progress: Callable[[Iterator, int], Iterator] = lambda items, total: items,
) -> tuple[list[ScanScore], dict]:
    """Score every fold by its run; returns the scores and `metrics.json`, pooled and of each fold.

    Every run is checked before the first is scored. `progress` wraps the scores as they come.
    Raises `TrainError` as `check_held_out` does.
    """
    for fold in folds:
        check_held_out(fold)
    models: list[Model] = []

    def scored() -> Iterator[ScanScore]:
        for fold in folds:
            models.append(run_model(fold.run, working_size, context_slices))
            only = set(fold.scans) if fold.split is None else None
            for scan in scans_of(fold.folder, fold.split, only):
                score = score_scan(
                    scan, models[-1].predict, models[-1].context_slices, protocol, snapshots=True
                )
                yield replace(score, fold=fold.number)

    scores = list(progress(scored(), sum(len(fold.scans) for fold in folds)))
    name = f"cross-validation of {len(folds)} runs: " + ", ".join(model.name for model in models)
    result = record(scores, name, {"kind": "cross-validation", "runs": len(folds)}, protocol)
    result["split"] = f"cross-validation, {len(folds)} folds"
    result["folds"] = [
        {
            "fold": fold.number,
            "checkpoint": model.name,
            "model": model.about,
            "scans_held_out": list(fold.scans),
            **_without_lesions(numbers([s for s in scores if s.fold == fold.number], protocol.seed)),
        }
        for fold, model in zip(folds, models, strict=True)
    ]
    return scores, result


def _without_lesions(found: dict) -> dict:
    """A fold's numbers; its lesions by size are few and stay in the pooled ones."""
    return {key: value for key, value in found.items() if key != "lesions"}
