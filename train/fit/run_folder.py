"""The run folder's records: the settings, of which a resume may change a few, and where the run comes from.

`settings.json` holds the settings. `provenance.json` holds the fingerprints of the datasets, the runs and
weights that the run started from, and the commits of the code that trained it. Both are written when the
run has its data and its network, so a start that fails leaves no run folder behind.
"""

from __future__ import annotations

import hashlib
import json
import logging
import math
from dataclasses import fields, replace
from pathlib import Path
from typing import Any

import torch

from registry.files import write_atomically
from train import provenance
from train.data.dataset import DatasetFolder
from train.errors import TrainError
from train.fit.scoring import selection_value
from train.fit.settings import FitSettings
from train.fit.state import Progress
from train.models.hugging_face_files import stated_licence
from train.weights import load_run, stage_record, training_hours, training_stages

_log = logging.getLogger(__name__)

EXTENDABLE = ("samples", "score_every", "patience", "select")
"""Settings that a resume may change."""

OLD_SCORE_MODE = "slice"
"""How runs are scored whose settings do not say it: they were started before there was a choice."""

SETTINGS_FILE, PROVENANCE_FILE = "settings.json", "provenance.json"
_SAVED = ("last.pt", "best.pt", "final.pt")


def is_started(run: Path) -> bool:
    """Whether the folder holds something that a run has saved."""
    return any((run / name).exists() for name in _SAVED)


def check_settings(run: Path, settings: FitSettings) -> FitSettings:
    """The settings to continue a run with; those given, for a new run.

    `EXTENDABLE` settings may differ from those that the run was started with, and datasets may lie in other
    folders. A setting that is newer than the run counts as its default, but such a run goes on being scored
    by slices. A run that was started with a warm-up in samples keeps it. Raises `TrainError` when other
    settings or the data differ, or when the saved settings are damaged.
    """
    path = run / SETTINGS_FILE
    if not path.exists() or not is_started(run):
        return settings
    saved = _read_json(path)
    if settings.warmup is None:
        settings = replace(settings, warmup=saved.get("warmup"))
    if "score_mode" not in saved:  # its best weights so far were chosen in that mode
        settings = replace(settings, score_mode=OLD_SCORE_MODE)
    current = _as_json(settings)
    known = {field.name for field in fields(FitSettings)}
    saved = {**_as_json(FitSettings(data=settings.data)), "score_mode": OLD_SCORE_MODE, **saved}
    changed = {name for name in {*saved, *current} if saved.get(name) != current.get(name)}
    changed = {name for name in changed if name in known or saved.get(name) is not None}
    own = _read_json(run / PROVENANCE_FILE) if (run / PROVENANCE_FILE).exists() else {}
    changed -= set(EXTENDABLE)
    changed -= {"data", "validation"} & _moved(saved, settings, own.get("data", {}))
    if "init" in changed and _same_start(settings.init, own):
        changed.remove("init")
    if changed:
        raise TrainError(
            f"{run} was started with other settings ({', '.join(sorted(changed))}); choose another folder or "
            "remove it."
        )
    for name in EXTENDABLE:
        if saved[name] != current[name]:
            _log.info("%s of the run changes from %s to %s", name, saved[name], current[name])
    _check_fingerprints(settings, own.get("data", {}))
    return settings


def adapt_progress(run: Path, settings: FitSettings, progress: Progress) -> None:
    """Adapt the position of a resumed run to settings that may have changed since it was saved.

    Raises `TrainError` when the run has seen more samples than it shall see.
    """
    seen = progress.step * settings.batch
    if progress.step > settings.steps:
        raise TrainError(f"{run} has seen {seen} samples already: give --samples {seen} or more.")
    progress.stopped = settings.patience is not None and progress.stale >= settings.patience
    if not progress.seconds and progress.step:  # saved by an older version
        progress.seconds = (training_hours(run / "log.csv", seen) or 0.0) * 3600
    if math.isfinite(progress.best) and (run / "best.pt").exists():
        progress.best = selection_value(load_run(run / "best.pt")["scores"], settings.select)


def claim(run: Path, settings: FitSettings) -> dict[str, Any]:
    """Write `settings.json` and `provenance.json` where they are new or changed; returns the provenance.

    Raises `TrainError` when the folder cannot be written.
    """
    path = run / PROVENANCE_FILE
    code = {"commit": provenance.commit(), "dirty": provenance.dirty()}
    own = _read_json(path) if path.exists() and is_started(run) else {}
    if "lineage" not in own:
        own |= _start(settings)
    own["data"] = {folder: DatasetFolder.open(folder).fingerprint for folder in _folders(settings)}
    own["commits"] = [*(one for one in own.get("commits", []) if one != code), code]
    try:
        run.mkdir(parents=True, exist_ok=True)
        _write_json(path, own)
        _write_json(run / SETTINGS_FILE, settings.record())
    except OSError as error:
        raise TrainError(f"{run} cannot be written: {error.strerror}.") from error
    return own


def weights_digest(weights: dict[str, torch.Tensor]) -> str:
    """16 hexadecimal digits of a hash of the weights by name."""
    digest = hashlib.sha256()
    for name, tensor in sorted(weights.items()):
        digest.update(name.encode())
        digest.update(tensor.detach().cpu().contiguous().flatten().view(torch.uint8).numpy().tobytes())
    return digest.hexdigest()[:16]


def _start(settings: FitSettings) -> dict[str, Any]:
    """The provenance of the first weights: the runs before this one, and weights of other projects."""
    if settings.init:
        state = load_run(settings.init)
        lineage = [stage_record(stage) for stage in training_stages(state)]
        return {"lineage": json.loads(json.dumps(lineage)), "init": weights_digest(state["weights"])}
    if settings.pretrained:
        name = Path(settings.pretrained).name if Path(settings.pretrained).is_dir() else settings.pretrained
        licence = settings.pretrained_licence or stated_licence(settings.pretrained) or "not stated"
        return {"lineage": [], "start_weights": {"name": name, "licence": licence}}
    return {"lineage": []}


def _same_start(init: str | None, own: dict[str, Any]) -> bool:
    """Whether `init` names the weights that the run started from, in another folder."""
    return bool(init and own.get("init")) and weights_digest(load_run(init)["weights"]) == own["init"]


def _moved(saved: dict[str, Any], settings: FitSettings, fingerprints: dict[str, str]) -> set[str]:
    """Which of "data" and "validation" name the same datasets with the same shares in other folders."""

    def same(before: str, now: str) -> bool:
        if before == now:
            return True
        try:
            known = fingerprints.get(before) or DatasetFolder.open(before).fingerprint
        except TrainError:
            return False
        return known == DatasetFolder.open(now).fingerprint

    names = set()
    data = _as_json(settings)["data"]
    if len(saved["data"]) == len(data) and all(
        old[1:] == new[1:] and same(old[0], new[0]) for old, new in zip(saved["data"], data, strict=True)
    ):
        names.add("data")
    if same(saved["validation"] or saved["data"][0][0], _scored(settings)):
        names.add("validation")
    return names


def _check_fingerprints(settings: FitSettings, fingerprints: dict[str, str]) -> None:
    """Raise `TrainError` when a dataset has changed in its folder since the run was started."""
    for folder in _folders(settings):
        if folder in fingerprints and fingerprints[folder] != DatasetFolder.open(folder).fingerprint:
            raise TrainError(f"{folder} has changed since the run was started; choose another run folder.")


def _scored(settings: FitSettings) -> str:
    return settings.validation or settings.data[0][0]


def _folders(settings: FitSettings) -> list[str]:
    """The folders of all datasets of a run, each once."""
    return list(dict.fromkeys([*(item[0] for item in settings.data), _scored(settings)]))


def _as_json(settings: FitSettings) -> dict[str, Any]:
    return json.loads(json.dumps(settings.record()))


def _read_json(path: Path) -> dict[str, Any]:
    try:
        return json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise TrainError(f"{path} is damaged; choose another folder or remove it.") from error


def _write_json(path: Path, content: dict[str, Any]) -> None:
    text = f"{json.dumps(content, indent=1)}\n"
    if not path.exists() or path.read_text(encoding="utf-8") != text:
        write_atomically(path, text.encode())
