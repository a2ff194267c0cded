"""The samples of each process, and the scans of a fold."""

from __future__ import annotations

import contextlib
import json
from types import SimpleNamespace

import pytest
import torch

from tests.train.small_runs import arguments
from train.__main__ import main
from train.errors import TrainError
from train.fit import data as fit_data
from train.fit.data import _sample_numbers, batches, loader_workers, open_data
from train.fit.processes import start_accelerator
from train.fit.settings import FitSettings, Runtime
from train.sampling.hard_slices import MinedSlice, write_mined


@pytest.fixture(scope="module")
def data_of_discs(tmp_path_factory, write_discs):
    folder = tmp_path_factory.mktemp("processes")
    write_discs(folder / "discs", tumour_in=(0, 2))
    return folder


def samples_by_update(data, process, processes):
    """The images and label bits of one process's samples, by update."""
    settings = FitSettings(
        data=((str(data / "discs"), 1.0, 0.5),),
        samples=24, batch=8, accumulate=2, crop=32, working_range=(32, 48),
    )  # fmt: skip
    runtime = Runtime(workers=0, cache=str(data / "cache"))
    one = SimpleNamespace(
        process_index=process,
        num_processes=processes,
        device=torch.device("cpu"),
        main_process_first=contextlib.nullcontext,
        local_main_process_first=contextlib.nullcontext,
    )
    opened = open_data(settings, runtime, data / "run", one)
    for _, parts in batches(settings, runtime, opened, one, 0):
        samples = [pair for part in parts for pair in zip(*part, strict=True)]
        yield [(image.numpy().tobytes(), bits.numpy().tobytes()) for image, bits in samples]


def test_each_sample_of_an_update_is_computed_by_exactly_one_process(data_of_discs):
    alone = list(samples_by_update(data_of_discs, 0, 1))
    shared = list(zip(*(samples_by_update(data_of_discs, process, 2) for process in range(2)), strict=True))
    assert len(alone) == len(shared) == 3
    for whole, (first, second) in zip(alone, shared, strict=True):
        assert len(set(whole)) == 8 and not set(first) & set(second)
        assert len(first) == len(second) == 4 and sorted(first + second) == sorted(whole)
    assert not set(alone[0]) & set(alone[1])


DATA = (("data", 1.0, 0.0),)


@pytest.mark.parametrize(
    ("device", "processors", "processes", "workers"),
    [("cpu", 8, 1, 1), ("cpu", 1, 1, 0), ("cuda", 16, 1, 15), ("cuda", 64, 2, 16), ("cuda", 8, 4, 1)],
)
def test_workers_follow_the_machine_unless_given(monkeypatch, device, processors, processes, workers):
    monkeypatch.setattr(fit_data, "usable_processors", lambda: processors)
    monkeypatch.delenv("LOCAL_WORLD_SIZE", raising=False)
    one = SimpleNamespace(device=torch.device(device), num_processes=processes)
    assert loader_workers(Runtime(), one) == workers
    assert loader_workers(Runtime(workers=3), one) == 3


@pytest.mark.parametrize("processes", [1, 2, 4])
@pytest.mark.parametrize("accumulate", [1, 2])
def test_samples_of_an_update_do_not_depend_on_the_number_of_processes(processes, accumulate):
    settings = FitSettings(data=DATA, samples=40, batch=8, accumulate=accumulate)
    dealt = [list(_sample_numbers(settings, 2, process, processes)) for process in range(processes)]
    for step in range(2, settings.steps):
        for part in range(accumulate):
            place = (step - 2) * accumulate + part
            numbers = sorted(number for own in dealt for number, _ in own[place])
            start_accelerator = step * 8 + part * 8 // accumulate
            assert numbers == list(range(start_accelerator, start_accelerator + 8 // accumulate))
            assert len({len(own[place]) for own in dealt}) == 1
    assert settings.steps == 5 and all(len(own) == 3 * accumulate for own in dealt)


def test_one_fold_is_scored_and_the_others_are_trained_on(data_of_discs):
    run = data_of_discs / "fold"
    folded = ["--samples", "4", "--folds", "2", "--fold", "1"]
    assert main(arguments(data_of_discs, run, *folded)) == 0
    settings = json.loads((run / "settings.json").read_text())
    assert (settings["folds"], settings["fold"]) == (2, 1)

    runtime = Runtime(cache=str(data_of_discs / "cache"))
    scans = []
    for fold in (0, 1):
        chosen = FitSettings(data=((str(data_of_discs / "discs"), 1.0, 0.0),), folds=2, fold=fold)
        opened = open_data(chosen, runtime, run, start_accelerator(16, 1, 1))
        scans.append([set(opened.sources[0].slices.by_scan), set(opened.validation.by_scan)])
    assert scans == [[{"0", "1"}, {"2"}], [{"2"}, {"0", "1"}]]


def test_hard_slices_of_a_scored_fold_are_refused(data_of_discs, tmp_path):
    """The file of a run on fold 0 lists scans of fold 1."""
    hard = tmp_path / "hard.csv"
    write_mined(hard, [MinedSlice("discs", f"s{scan}_0", scan, 0, 9, 0, 4, 5) for scan in "01"])
    runtime, accelerator = Runtime(cache=str(data_of_discs / "cache")), start_accelerator(16, 1, 1)
    settings = [
        FitSettings(
            data=((str(data_of_discs / "discs"), 1.0, 0.0),), folds=2, fold=fold, hard=((str(hard), 0.25),)
        )
        for fold in (0, 1)
    ]
    opened = open_data(settings[0], runtime, tmp_path, accelerator)
    assert [(sampler.share, len(sampler.hard)) for sampler in opened.hard] == [(0.25, 2)]
    with pytest.raises(TrainError, match="scan 0 of discs, which this run does not train on"):
        open_data(settings[1], runtime, tmp_path, accelerator)
