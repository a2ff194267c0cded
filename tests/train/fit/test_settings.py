"""The rules that settings must keep."""

from __future__ import annotations

import json

import pytest

from train.errors import TrainError
from train.fit.settings import FitSettings, Runtime

DATA = (("data", 1.0, 0.0),)


@pytest.mark.parametrize(
    "wrong, complaint",
    [
        ({"data": ()}, "at least one dataset"),
        ({"data": (("a", 0.0, 0.0),)}, "more than 0"),
        ({"data": (("a", 1.0, 1.5),)}, "painted lesions"),
        ({"liver_free": 0.6}, "from 0 to 0.5"),
        ({"hard": (("hard.csv", 0.3), ("more.csv", 0.3))}, "at most 0.5"),
        ({"hard": (("hard.csv", 0.0),)}, "above 0"),
        ({"paste": 1.5}, "pasted lesions"),
        ({"scan_weights": "size"}, "even, root"),
        ({"architecture": "nnformer-3d"}, "takes volumes"),
        ({"context_slices": 2}, "1, 3 or 5"),
        ({"samples": 0}, "at least 1"),
        ({"batch": 5, "accumulate": 2}, "evenly"),
        ({"crop": 100}, "multiple of 32"),
        ({"working_range": (80, 60)}, "must rise"),
        ({"progressive": 512}, "Progressive"),
        ({"augment": {"wobble": 1}}, "wobble"),
        ({"loss": "l2"}, "loss"),
        ({"select": "mood"}, "Select"),
        ({"patience": 0}, "patience"),
        ({"data": (("a", float("nan"), 0.0),)}, "more than 0"),
        ({"augment": {"noise": -1}}, "at least 0"),
        ({"augment": {"noise": "much"}}, "at least 0"),
        ({"working_size": 0}, "working size"),
        ({"learning_rate": float("nan")}, "learning rate"),
        ({"clip": 0.0}, "above 0"),
        ({"seed": -1}, "0 or more"),
        ({"warmup": -1}, "0 or more"),
        ({"warmup_share": 1.5}, "share of the warm-up"),
        ({"head_learning_rate": 0.0}, "learning rate"),
        ({"augment_on": "moon"}, "cpu, device, resident"),
        ({"folds": 5}, "both"),
        ({"folds": 5, "fold": 5}, "numbered from 0"),
        ({"pretrained": "x", "init": "y"}, "not both"),
    ],
)
def test_invalid_settings_are_refused(wrong, complaint):
    with pytest.raises(TrainError, match=complaint):
        FitSettings(**{"data": DATA, **wrong})


@pytest.mark.parametrize(
    "wrong", [{"workers": -1}, {"threads": 0}, {"save_every": 0}, {"pictures": -1}], ids=str
)
def test_an_invalid_runtime_is_refused(wrong):
    with pytest.raises(
        TrainError, match="at least 1" if wrong.keys() & {"threads", "save_every"} else "0 or more"
    ):
        Runtime(**wrong)


def test_settings_survive_json():
    settings = FitSettings(data=DATA, options={"decoder_width": 8}, windows=((60.0, 200.0),))
    read = json.loads(json.dumps(settings.record()))
    assert FitSettings(**read | {"data": DATA}).record() == FitSettings(**read).record() | {"data": DATA}
