"""The pictures of lits-png: a picture and two masks for each slice, in one folder."""

from __future__ import annotations

import cv2
import numpy as np
import pytest

from liverseg.core.window import Window, to_grey
from liverseg.errors import LiversegError
from tests.phantoms import make
from train.__main__ import main
from train.data.dataset import DatasetFolder
from train.data.folds import LITS_GROUP, dataset_folds
from train.data.prepare.settings import ConversionSettings, PrepareSettings
from train.data.prepare.sources import find_scans

WINDOW = Window(60, 200)


def write_slice(folder, scan, index, change=lambda plane: plane):
    """A phantom's slice in the layout of lits-png; returns its grey values and labels, upright."""
    made = make("slice", seed=10 * scan + index, size=128)
    grey, labels = to_grey(made.hu[0], WINDOW), made.labels[0]
    folder.mkdir(parents=True, exist_ok=True)
    for name, values in (
        (f"volume-{scan}_{index}.png", grey),
        (f"segmentation-{scan}_livermask_{index}.png", np.uint8(255) * (labels > 0)),
        (f"segmentation-{scan}_lesionmask_{index}.png", np.uint8(255) * (labels == 2)),
    ):
        cv2.imwrite(str(folder / name), change(values))
    return grey, labels


def test_the_folder_is_prepared_as_it_is(tmp_path):
    expected = {}
    for scan in (0, 7, 9, 13):
        for index in (0, 1, 2):
            turn = np.rot90 if scan == 13 else (lambda plane: plane)
            expected[str(scan), index] = write_slice(tmp_path / "lits-png" / "d" / "d", scan, index, turn)
    out = tmp_path / "out"
    given = "--picture-window 60 200 --empty 1 --jobs 1 --split train=0.5,val=0.5".split()
    assert main(["prepare", str(tmp_path / "lits-png"), str(out), *given]) == 0
    folder = DatasetFolder.open(out)
    assert len(folder.rows) == 12 and "LiTS" in folder.about["licence"]
    for row in folder.rows:
        grey, labels = folder.read_slice(row)
        assert np.array_equal(labels, expected[row.scan, row.index][1]), row.name
        assert np.array_equal(grey, expected[row.scan, row.index][0]), row.name
    assert folder.about["groups"] == {"7": LITS_GROUP, "9": LITS_GROUP}
    assert any({"7", "9"} <= fold for fold in dataset_folds(folder, 2))


def test_incomplete_and_repeated_slices_leave_their_scan_out(tmp_path):
    for scan in (1, 2, 3):
        write_slice(tmp_path / "png", scan, 0)
    (tmp_path / "png" / "segmentation-1_lesionmask_0.png").unlink()
    write_slice(tmp_path / "png" / "again", 2, 0)
    source = find_scans(str(tmp_path / "png"), PrepareSettings())
    assert [scan.scan for scan in source.scans] == ["3"]
    assert "slice 0 lacks" in source.problems[1] and "more than once" in source.problems[0]


def test_faint_masks_count_and_masks_of_another_size_are_refused(tmp_path):
    write_slice(tmp_path, 4, 0)
    path = tmp_path / "segmentation-4_livermask_0.png"
    mask = cv2.imread(str(path), -1)
    cv2.imwrite(str(path), mask // 255)
    (scan,) = find_scans(str(tmp_path), PrepareSettings()).scans
    conversion = ConversionSettings(keep_orientation=True)
    assert np.array_equal(scan.load(conversion).labels[0] > 0, mask > 0)
    cv2.imwrite(str(path), mask[:64])
    with pytest.raises(LiversegError, match="masks differ in size"):
        scan.load(conversion)


@pytest.mark.parametrize("names", ["volume-{}_slice-000", "volume-{}_0"])
def test_names_of_lits_join_the_group_of_scans_7_to_12(tmp_path, names):
    for part in ("images", "masks"):
        (tmp_path / part).mkdir()
        for scan in (6, 7, 12):
            (tmp_path / part / f"{names.format(scan)}.png").touch()
    groups = find_scans(str(tmp_path), PrepareSettings()).groups
    assert groups == {"7": LITS_GROUP, "12": LITS_GROUP}
    for part in ("images", "masks"):
        (tmp_path / part / f"{names.format(12)}.png").rename(tmp_path / part / "case-12_0.png")
    assert find_scans(str(tmp_path), PrepareSettings()).groups == {"7": LITS_GROUP}
