"""Discovery of scans in folders of LiTS, the Decathlon and pictures."""

import json

import pytest

from train.data.folds import LITS_GROUP
from train.data.prepare.settings import ConversionSettings, PrepareSettings
from train.data.prepare.sources import find_scans
from train.errors import TrainError


def touch(folder, *names):
    """Create empty files."""
    for name in names:
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_bytes(b"")


def scans_in(folder, **settings_):
    return find_scans(str(folder), PrepareSettings(**settings_))


def test_lits_pairs_are_found_at_any_depth_and_incomplete_ones_are_named(tmp_path):
    touch(tmp_path, "a/volume-2.nii", "b/segmentation-2.nii.gz", "volume-13.nii.gz", "segmentation-13.nii")
    touch(tmp_path, "volume-7.nii", "segmentation-7.nii", "volume-3.nii", "segmentation-4.nii")
    touch(tmp_path, "test-volume-5.nii", "x/volume-9.nii", "y/volume-9.nii", "segmentation-9.nii")
    source = scans_in(tmp_path)
    assert [scan.scan for scan in source.scans] == ["2", "7", "13"]
    assert [scan.lits_number for scan in source.scans] == [2, 7, 13]
    assert source.groups == {"7": LITS_GROUP}
    assert [problem.split(" is ")[0] for problem in source.problems] == ["Scan 3", "Scan 4", "Scan 9"]
    assert "no segmentation-3.nii" in source.problems[0] and "no volume-4.nii" in source.problems[1]
    assert "more than once" in source.problems[2]


def test_decathlon_files_are_paired_by_name_without_hidden_files(tmp_path):
    folder = tmp_path / "Task08_HepaticVessel"
    touch(folder, "imagesTr/vessel_1.nii.gz", "labelsTr/vessel_1.nii.gz", "imagesTr/._vessel_1.nii.gz")
    touch(folder, "imagesTr/vessel_2.nii.gz", "labelsTr/vessel_3.nii.gz", "imagesTs/vessel_4.nii.gz")
    (folder / "dataset.json").write_text(json.dumps({"name": "HepaticVessel", "licence": "CC-BY-SA 4.0"}))
    source = scans_in(folder)
    assert [scan.scan for scan in source.scans] == ["1"] and source.scans[0].lits_number is None
    assert len(source.problems) == 2 and source.licence == "CC-BY-SA 4.0"
    touch(folder, "imagesTr/case_1_0000.nii.gz", "labelsTr/case_1.nii.gz")
    assert [scan.scan for scan in scans_in(folder).scans] == ["case_1", "vessel_1"]  # equal numbers


def test_scans_of_the_decathlon_liver_task_have_lits_numbers(tmp_path):
    touch(
        tmp_path,
        *(f"Task03_Liver/{half}/liver_{n}.nii.gz" for half in ("imagesTr", "labelsTr") for n in (7, 28)),
    )
    source = scans_in(tmp_path / "Task03_Liver")
    assert [scan.lits_number for scan in source.scans] == [7, 28] and source.groups == {"7": LITS_GROUP}


@pytest.mark.parametrize("masks", ["masks", "labels", "other"])
def test_pictures_are_grouped_into_scans_by_their_names(tmp_path, masks):
    names = ["volume-10_slice-2", "volume-10_slice-11", "case_7_003"]
    touch(tmp_path, *(f"images/{name}.png" for name in names), *(f"{masks}/{name}.png" for name in names))
    if masks == "other":
        source = find_scans(str(tmp_path / "images"), PrepareSettings(masks=str(tmp_path / masks)))
    else:
        source = scans_in(tmp_path)
    indices = {scan.scan: [index for index, *_ in scan.slices] for scan in source.scans}
    assert indices == {"7": [3], "10": [2, 11]}


def test_a_picture_without_a_mask_leaves_its_scan_out(tmp_path):
    touch(tmp_path, "images/a_1.png", "images/b_1.png", "masks/b_1.png", "images/c_1.png", "images/c_01.png")
    touch(tmp_path, "masks/c_1.png", "masks/c_01.png")
    source = scans_in(tmp_path)
    assert [scan.scan for scan in source.scans] == ["b"]
    assert "a_1 has no mask" in source.problems[0] and "share a slice number" in source.problems[1]


def test_names_without_scan_and_slice_are_refused_unless_a_pattern_matches_them(tmp_path):
    touch(tmp_path, "images/003of12.png", "masks/003of12.png")
    with pytest.raises(TrainError, match="--scan-pattern"):
        scans_in(tmp_path)
    for pattern, message in (("(", "regular expression"), (r"(\d+)of", "named groups")):
        conversion = ConversionSettings(scan_pattern=pattern)
        with pytest.raises(TrainError, match=message):
            scans_in(tmp_path, conversion=conversion)
    conversion = ConversionSettings(scan_pattern=r"(?P<index>\d+)of(?P<scan>\d+)")
    assert scans_in(tmp_path, conversion=conversion).scans[0].scan == "12"


@pytest.mark.parametrize("source", ["phantom:", "phantom:0", "phantom:x"])
def test_a_number_of_phantoms_is_required(source):
    with pytest.raises(TrainError, match="phantom:200"):
        find_scans(source, PrepareSettings())
