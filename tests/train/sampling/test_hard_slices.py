"""Files of hard slices, and the draws from them."""

import dataclasses

import numpy as np
import pytest

from tests.train.sampling.views import ONE_WINDOW
from train.data.dataset import TUMOUR_BIT
from train.errors import TrainError
from train.sampling.augment import OFF_MIDDLE, AugmentSettings
from train.sampling.hard_slices import (
    HardSampler,
    HardSlice,
    MinedSlice,
    hard_sampler,
    read_mined,
    write_mined,
)
from train.sampling.samples import Samples, SampleSettings, SampleSource

MINED = [
    MinedSlice("discs", "s0_0", "0", 0, 16, 4, 10, 20),
    MinedSlice("discs", "s0_1", "0", 1, 0, 0, None, None),
    MinedSlice("discs", "s1_2", "1", 2, 0, 100, 60, 30),
]


def test_a_file_of_mined_slices_is_read_as_it_was_written(tmp_path):
    write_mined(tmp_path / "hard.csv", MINED)
    assert read_mined(tmp_path / "hard.csv") == MINED
    header = "dataset,slice,scan,index,false_liver_px,false_tumour_px,row,column"
    assert (tmp_path / "hard.csv").read_text().splitlines()[:2] == [header, "discs,s0_0,0,0,16,4,10,20"]
    with pytest.raises(TrainError, match="cannot be written"):
        write_mined(tmp_path / "hard.csv" / "below.csv", MINED)


@pytest.mark.parametrize("text", ["", "a,b\n1,2\n", "not a table", None])
def test_another_file_is_refused(tmp_path, discs, text):
    path = tmp_path / "hard.csv"
    if text is not None:
        path.write_text(text)
    with pytest.raises(TrainError, match=r"hard\.csv (is not a file|cannot be read|lists no slice)"):
        hard_sampler(path, 0.1, [discs.load("train")])


def test_slices_are_drawn_by_the_root_of_their_false_pixels(tmp_path, discs):
    """16 and 100 false pixels weigh 4 and 10; the slice without any is not drawn."""
    write_mined(tmp_path / "hard.csv", MINED)
    train = discs.load("train")
    sampler = hard_sampler(tmp_path / "hard.csv", 0.1, [train])
    rng = np.random.default_rng(0)
    drawn = [sampler.draw(rng) for _ in range(7000)]
    names = [train.rows[one.position].name for one in drawn]
    assert set(names) == {"s0_0", "s1_2"} and {one.centre_px for one in drawn} == {(20, 10), (30, 60)}
    assert np.mean([name == "s1_2" for name in names]) == pytest.approx(10 / 14, abs=0.02)


@pytest.mark.parametrize(
    "wrong, complaint",
    [
        ({"dataset": "other"}, "slices of other, which is not a dataset of this run"),
        ({"scan": "2", "slice": "s2_0"}, "scan 2 of discs, which this run does not train on"),
        ({"slice": "s0_9"}, "the slice s0_9, which discs does not have"),
    ],
)
def test_slices_that_a_run_does_not_train_on_are_refused(tmp_path, discs, wrong, complaint):
    write_mined(tmp_path / "hard.csv", [*MINED, dataclasses.replace(MINED[0], **wrong)])
    with pytest.raises(TrainError, match=complaint):
        hard_sampler(tmp_path / "hard.csv", 0.1, [discs.load("train")])


def test_samples_have_the_share_of_hard_slices_and_are_centred_on_them(discs):
    """Only the hard slice has no tumour and a centre in the corner; its lesions are not painted."""
    train = discs.load("train")
    position = [row.name for row in train.rows].index("s1_1")
    train = dataclasses.replace(
        train, labels=[np.full_like(b, 2 if i == position else 4) for i, b in enumerate(train.labels)]
    )
    hard = [HardSampler([HardSlice(0, position, (12.0, 80.0))], [9], 0.15) for _ in range(2)]
    augment = AugmentSettings(working_px=(96, 96), crop_px=32, stretch=0)
    settings = SampleSettings(ONE_WINDOW, augment)
    samples = Samples([SampleSource(train, 1.0, synthetic_lesions=1.0)], settings, 5, True, hard)
    taken = [samples[number] for number in range(1200)]
    from_hard = [
        not (one.bits == TUMOUR_BIT).any()
        and bool(abs(one.view.centre_px - (12, 80)).max() <= 32 * OFF_MIDDLE)
        for one in taken
    ]
    others = [one for one, is_hard in zip(taken, from_hard, strict=True) if not is_hard]
    assert np.mean(from_hard) == pytest.approx(0.3, abs=0.04)
    assert all((one.bits == TUMOUR_BIT).any() for one in others)
