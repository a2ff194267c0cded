"""Joint labels divided by the mean of several networks, and the dataset that holds them."""

from __future__ import annotations

import csv
import json

import cv2
import numpy as np
import pytest

from tests.train.sample_scans import EMPTY, LARGE, LIVER, SMALL, label_reading_network, write_dataset
from train.data.dataset import BACKGROUND_BIT, LIVER_BIT, ORGAN_BITS, TUMOUR_BIT, DatasetFolder
from train.errors import TrainError
from train.evaluation.models import Model
from train.evaluation.pseudo_labels import Decided, divide, extended_values, write_pseudo_labels

JOINT = {"0": ["background"], "1": ["liver", "tumour"]}


@pytest.fixture
def joint(tmp_path):
    """Two scans whose pictures show the tumours, while their labels say "liver or tumour"."""
    scans = {
        "1": {"split": "train", "slices": {0: LARGE, 3: SMALL, 5: EMPTY}},
        "2": {"split": "val", "slices": {0: LIVER}},
    }
    folder = write_dataset(tmp_path / "joint", scans, label_values=JOINT, name="joint")
    for path in (folder / "labels").iterdir():
        label = cv2.imread(str(path), cv2.IMREAD_GRAYSCALE)
        cv2.imwrite(str(path), np.minimum(label, 1))
    return DatasetFolder.open(folder)


def model(name, sure, **options):
    return Model(name, label_reading_network(sure, **options), 3, 0.5, {"sha256": name * 2})


def test_only_joint_pixels_are_divided():
    bits = np.array([BACKGROUND_BIT, LIVER_BIT, TUMOUR_BIT, ORGAN_BITS, 7], np.uint8)
    assert divide(bits, np.ones(5), np.full(5, 0.9), 0.8).tolist() == [1, 2, 4, TUMOUR_BIT, 7]
    assert divide(bits, np.ones(5), np.zeros(5), 0.8).tolist() == [1, 2, 4, LIVER_BIT, 7]
    assert divide(bits, np.ones(5), np.full(5, 0.3), 0.8).tolist() == bits.tolist()
    assert divide(bits, np.full(5, 0.4), np.zeros(5), 0.8).tolist() == bits.tolist(), "seen as background"


def test_a_class_with_a_value_keeps_it():
    values = extended_values({**JOINT, "4": ["tumour"]}, {0, 1, 4, 255})
    assert (values.liver, values.tumour) == (2, 4)
    assert values.by_value == {**JOINT, "4": ["tumour"], "2": ["liver"]}
    with pytest.raises(TrainError, match="no value"):
        extended_values(JOINT, set(range(256)))


def test_sure_pixels_become_liver_or_tumour(joint, tmp_path):
    """Both networks read the picture, so every joint pixel is decided as the picture shows it."""
    out = tmp_path / "below" / "out"
    total = write_pseudo_labels(joint, [model("a", 0.9), model("b", 0.8)], out)
    tumour_px = int((LARGE == 2).sum() + (SMALL == 2).sum())
    organ_px = int(sum((label > 0).sum() for label in (LARGE, SMALL, LIVER)))
    assert total == Decided(organ_px - tumour_px, tumour_px, 0)
    written = DatasetFolder.open(out)
    assert written.name == "joint-pseudo" and [row.split for row in written.rows] == ["train"] * 3 + ["val"]
    for row, truth in zip(written.rows, (LARGE, SMALL, EMPTY, LIVER), strict=True):
        label = cv2.imread(str(out / "labels" / f"{row.name}.png"), cv2.IMREAD_GRAYSCALE)
        assert np.array_equal(label, np.array([0, 2, 3], np.uint8)[truth])
        assert row.tumour_px == (truth == 2).sum()
        picture = out / "images" / f"{row.name}.png"
        assert picture.samefile(joint.folder / "images" / picture.name)
    assert written.load("train").labels[0].tolist() == np.array([1, 2, 4])[LARGE].tolist()
    with (out / "slices.csv").open() as lines:
        first = next(csv.DictReader(lines))
    assert first["liver_px"] == str((LARGE == 1).sum()) and first["undecided_px"] == "0"
    about = json.loads((out / "dataset.json").read_text())
    assert about["licence"] == "made in a test" and about["pseudo_labels"]["of"] == "joint"
    assert about["pseudo_labels"]["networks"] == [{"name": n, "sha256": n * 2} for n in "ab"]
    assert joint.load("train").labels[0].max() == ORGAN_BITS, "the source is unchanged"


def test_pixels_that_the_mean_leaves_undecided_keep_the_joint_label(joint, tmp_path):
    """One network is blind to tumours: their mean probability is (0.9 + 0.05) / 2."""
    out = tmp_path / "out"
    total = write_pseudo_labels(joint, [model("a", 0.9), model("b", 0.9, blind_to=(2,))], out)
    assert total.tumour_px == 0 and total.undecided_px == (LARGE == 2).sum() + (SMALL == 2).sum()
    label = cv2.imread(str(out / "labels" / "1_000.png"), cv2.IMREAD_GRAYSCALE)
    assert np.array_equal(label, np.array([0, 2, 1], np.uint8)[LARGE])
    assert DatasetFolder.open(out).load("train").labels[0][LARGE == 2].tolist() == [ORGAN_BITS] * 24**2


def test_neighbours_are_hidden_on_request(joint, tmp_path):
    seen = []

    def predict(hu):
        seen.append(all(np.array_equal(hu[0, 0], plane) for plane in hu[0]))
        return label_reading_network()(hu)

    for context, name in ((True, "a"), (False, "b")):
        seen.clear()
        write_pseudo_labels(joint, [Model("a", predict, 3, 0.5, {})], tmp_path / name, context=context)
        assert len(seen) == 3, "the slice without joint pixels is not run"
        assert all(seen) == (not context)


def test_what_cannot_be_divided_or_written_is_refused(joint, tmp_path):
    scans = {"1": {"split": "train", "slices": {0: LARGE}}}
    usual = DatasetFolder.open(write_dataset(tmp_path / "usual", scans, name="usual"))
    with pytest.raises(TrainError, match='usual has no label "liver or tumour"'):
        write_pseudo_labels(usual, [model("a", 1)], tmp_path / "out")
    with pytest.raises(TrainError, match="already exists"):
        write_pseudo_labels(joint, [model("a", 1)], usual.folder)
    (tmp_path / "file").touch()
    with pytest.raises(TrainError, match="cannot be written"):
        write_pseudo_labels(joint, [model("a", 1)], tmp_path / "file" / "out")
    (joint.folder / "labels" / "2_000.png").write_bytes(b"no picture")
    with pytest.raises(TrainError, match="cannot be read"):
        write_pseudo_labels(joint, [model("a", 1)], tmp_path / "out")
    assert not (tmp_path / "out").exists()
