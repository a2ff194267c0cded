"""Bundles of datasets: their size, what they keep, and what they refuse."""

from __future__ import annotations

import csv
import json
import zipfile

import cv2
import numpy as np
import pytest

from train.__main__ import main
from train.data.bundle import read_bundle, write_bundle
from train.data.dataset import DatasetFolder
from train.data.folds import dataset_folds
from train.errors import TrainError


@pytest.fixture
def noisy(write_discs, tmp_path):
    """Discs of 96 px with noise, which compression cannot keep."""
    folder = write_discs(tmp_path / "noisy", tumour_in=(0, 2))
    rng = np.random.default_rng(0)
    for path in (folder.folder / "images").iterdir():
        grey = cv2.imread(str(path), cv2.IMREAD_GRAYSCALE)
        cv2.imwrite(str(path), np.clip(grey + rng.normal(0, 12, grey.shape), 1, 254).astype(np.uint8))
    return folder


def test_a_bundle_fits_its_size_and_keeps_labels_tables_and_folds(noisy, discs, tmp_path):
    most = 24_000
    bundled = write_bundle([noisy, discs], tmp_path / "small.zip", most, side_px=96)
    assert most * 0.6 < bundled.size == (tmp_path / "small.zip").stat().st_size <= most
    paths = read_bundle(tmp_path / "small.zip", tmp_path / "out")
    assert paths == [tmp_path / "out" / "noisy", tmp_path / "out" / "discs"]
    read = DatasetFolder.open(paths[0])
    assert read.rows == noisy.rows and dataset_folds(read, 2) == dataset_folds(noisy, 2)
    before, after = noisy.load("train"), read.load("train")
    for one, other in zip(before.labels, after.labels, strict=True):
        assert np.array_equal(one, other)
    squares = [
        (np.asarray(a, float) - b)[(a > 0) & (a < 255)] ** 2
        for split in ("train", "val")
        for a, b in zip(noisy.load(split).greys, read.load(split).greys, strict=True)
    ]
    error_hu = np.sqrt(np.concatenate(squares).mean()) / 255 * 200
    assert read.about["bundled"] == {
        "format": "webp",
        "quality": bundled.quality,
        "side_px": 96,
        "error_hu": pytest.approx(error_hu, abs=0.01),
    }
    assert bundled.error_hu["noisy"] == read.about["bundled"]["error_hu"] > bundled.error_hu["discs"]
    larger = write_bundle([noisy, discs], tmp_path / "large.zip", 2 * most, side_px=96)
    assert larger.quality > bundled.quality and larger.error_hu["noisy"] < bundled.error_hu["noisy"]


def test_slices_are_resized_with_their_labels(discs, tmp_path):
    write_bundle([discs], tmp_path / "b.zip", 10**6, side_px=48)
    (path,) = read_bundle(tmp_path / "b.zip", tmp_path / "out")
    small, large = DatasetFolder.open(path).load("train"), discs.load("train")
    for one, other in zip(small.labels, large.labels, strict=True):
        assert one.shape == (48, 48) and set(np.unique(one)) <= set(np.unique(other))
        assert np.count_nonzero(one == 2) * 4 == pytest.approx(np.count_nonzero(other == 2), rel=0.05)
    with (path / "slices.csv").open() as lines:
        assert {row["scan"] for row in csv.DictReader(lines)} == {"0", "1", "2"}


def test_the_command_is_repeatable_and_taking_out_twice_changes_nothing(discs, tmp_path, capsys):
    command = ["bundle", str(discs.folder), "--megabytes", "1", "--side", "64", "--out"]
    for name in ("a.zip", "b.zip"):
        assert main([*command, str(tmp_path / name)]) == 0
    assert (tmp_path / "a.zip").read_bytes() == (tmp_path / "b.zip").read_bytes()
    assert "quality 95" in capsys.readouterr().out
    for _ in range(2):
        assert main(["unbundle", str(tmp_path / "a.zip"), str(tmp_path / "out")]) == 0
        assert capsys.readouterr().out == f"{tmp_path / 'out' / 'discs'}\n"
    assert sorted(path.name for path in (tmp_path / "out").iterdir()) == ["discs"]


def test_what_cannot_be_bundled_or_taken_out_is_refused(discs, noisy, tmp_path, capsys):
    with pytest.raises(TrainError, match="same name"):
        write_bundle([discs, discs], tmp_path / "b.zip", 10**6, 64)
    with pytest.raises(TrainError, match="lowest quality"):
        write_bundle([noisy], tmp_path / "b.zip", 5_000, 96)
    about = json.loads((discs.folder / "dataset.json").read_text())
    about["intensity"] = {"kind": "linear", "slope": 1, "intercept": -1024, "bits": 16}
    (discs.folder / "dataset.json").write_text(json.dumps(about))
    assert main(["bundle", str(discs.folder), "--out", str(tmp_path / "b.zip")]) == 1
    assert "one of 8 bits" in capsys.readouterr().err
    assert not (tmp_path / "b.zip").exists()

    (tmp_path / "text.zip").write_text("text")
    with zipfile.ZipFile(tmp_path / "evil.zip", "w") as file:
        file.writestr("../outside/dataset.json", "{}")
    for name in ("text.zip", "evil.zip", "gone.zip"):
        with pytest.raises(TrainError, match="bundle"):
            read_bundle(tmp_path / name, tmp_path / "out")
    assert not (tmp_path / "outside").exists()
