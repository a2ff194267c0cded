"""What `prepare` finds in a folder, how scans are split, what reference values mean."""

import json

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from train.data.folds import LITS_GROUP
from train.data.prepare.labels import LabelMapping
from train.data.prepare.settings import PrepareSettings, Splitting
from train.data.prepare.sources import find_scans
from train.data.prepare.splits import assign_splits, parse_shares, read_table, split_scans
from train.errors import TrainError


def touch(folder, *names):
    for name in names:
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_bytes(b"")


def found(folder, **settings_):
    return find_scans(str(folder), PrepareSettings(**settings_))


def test_lits_is_found_in_sub_folders_gzipped_or_not_and_halves_are_named(tmp_path):
    touch(tmp_path, "a/volume-2.nii", "b/segmentation-2.nii.gz", "volume-13.nii.gz", "segmentation-13.nii")
    touch(tmp_path, "volume-7.nii", "segmentation-7.nii", "volume-3.nii", "segmentation-4.nii")
    touch(tmp_path, "test-volume-5.nii", "x/volume-9.nii", "y/volume-9.nii", "segmentation-9.nii")
    source = found(tmp_path)
    assert [scan.scan for scan in source.scans] == ["2", "7", "13"]
    assert [scan.lits_number for scan in source.scans] == [2, 7, 13]
    assert source.groups == {"7": LITS_GROUP}
    assert [problem.split(" is ")[0] for problem in source.problems] == ["Scan 3", "Scan 4", "Scan 9"]
    assert "no segmentation-3.nii" in source.problems[0] and "no volume-4.nii" in source.problems[1]
    assert "more than once" in source.problems[2]


def test_decathlon_pairs_by_name_without_hidden_files_and_tells_its_licence(tmp_path):
    folder = tmp_path / "Task08_HepaticVessel"
    touch(folder, "imagesTr/vessel_1.nii.gz", "labelsTr/vessel_1.nii.gz", "imagesTr/._vessel_1.nii.gz")
    touch(folder, "imagesTr/vessel_2.nii.gz", "labelsTr/vessel_3.nii.gz", "imagesTs/vessel_4.nii.gz")
    (folder / "dataset.json").write_text(json.dumps({"name": "HepaticVessel", "licence": "CC-BY-SA 4.0"}))
    source = found(folder)
    assert [scan.scan for scan in source.scans] == ["1"] and source.scans[0].lits_number is None
    assert len(source.problems) == 2 and source.licence == "CC-BY-SA 4.0"
    touch(folder, "imagesTr/case_1_0000.nii.gz", "labelsTr/case_1.nii.gz")
    assert [scan.scan for scan in found(folder).scans] == ["case_1", "vessel_1"]  # the number is not enough


def test_scans_of_the_decathlon_liver_task_are_known_by_their_lits_numbers(tmp_path):
    touch(
        tmp_path,
        *(f"Task03_Liver/{half}/liver_{n}.nii.gz" for half in ("imagesTr", "labelsTr") for n in (7, 28)),
    )
    source = found(tmp_path / "Task03_Liver")
    assert [scan.lits_number for scan in source.scans] == [7, 28] and source.groups == {"7": LITS_GROUP}


@pytest.mark.parametrize("masks", ["masks", "labels", "elsewhere"])
def test_pictures_are_gathered_to_scans_by_their_names(tmp_path, masks):
    names = ["volume-10_slice-2", "volume-10_slice-11", "case_7_003"]
    touch(tmp_path, *(f"images/{name}.png" for name in names), *(f"{masks}/{name}.png" for name in names))
    if masks == "elsewhere":
        source = find_scans(str(tmp_path / "images"), PrepareSettings(masks=str(tmp_path / masks)))
    else:
        source = found(tmp_path)
    indices = {scan.scan: [index for index, *_ in scan.slices] for scan in source.scans}
    assert indices == {"7": [3], "10": [2, 11]}


def test_a_picture_without_a_mask_leaves_its_scan_out(tmp_path):
    touch(tmp_path, "images/a_1.png", "images/b_1.png", "masks/b_1.png", "images/c_1.png", "images/c_01.png")
    touch(tmp_path, "masks/c_1.png", "masks/c_01.png")
    source = found(tmp_path)
    assert [scan.scan for scan in source.scans] == ["b"]
    assert "a_1 has no mask" in source.problems[0] and "share a slice number" in source.problems[1]


def test_names_that_tell_no_scan_are_refused_until_a_pattern_reads_them(tmp_path):
    touch(tmp_path, "images/003of12.png", "masks/003of12.png")
    with pytest.raises(TrainError, match="--scan-pattern"):
        found(tmp_path)
    for pattern, says in (("(", "regular expression"), (r"(\d+)of", "named groups")):
        conversion = PrepareSettings().conversion.__class__(scan_pattern=pattern)
        with pytest.raises(TrainError, match=says):
            found(tmp_path, conversion=conversion)
    conversion = PrepareSettings().conversion.__class__(scan_pattern=r"(?P<index>\d+)of(?P<scan>\d+)")
    assert found(tmp_path, conversion=conversion).scans[0].scan == "12"


@pytest.mark.parametrize("source", ["phantom:", "phantom:0", "phantom:x"])
def test_a_number_of_phantoms_is_asked_for(source):
    with pytest.raises(TrainError, match="phantom:200"):
        find_scans(source, PrepareSettings())


def test_reference_values_mean_what_was_said_or_are_refused():
    usual, said = LabelMapping(), LabelMapping.parse("0=background, 127=liver, 255=tumour")
    stored = np.array([[0, 127, 255]])
    assert said.apply(stored).tolist() == [[0, 1, 2]]
    for wrong in (stored, np.array([0.0, 1.5]), np.array([-1, 0]), np.array([0, 256]), np.uint8([3])):
        with pytest.raises(TrainError, match="labels other than 0, 1, 2"):
            usual.apply(wrong)
    for kind in (np.uint8, np.int16, np.float64, np.float32):
        assert usual.apply(np.array([[0, 1, 2]], kind)).tolist() == [[0, 1, 2]]
    assert LabelMapping.parse("0=background,1=liver+tumour").label_values == {
        "0": ["background"],
        "1": ["liver"],
        "2": ["tumour"],
        "3": ["liver", "tumour"],
    }
    for text in ("0", "0=bone", "256=liver", "a=liver", "0=liver,0=tumour"):
        with pytest.raises(TrainError):
            LabelMapping.parse(text)


@st.composite
def shares_(draw):
    val, test = draw(st.floats(0.05, 0.35)), draw(st.floats(0, 0.3))
    return {"train": 1 - val - test, "val": val, "test": test}


@settings(deadline=None, max_examples=60)
@given(st.lists(st.integers(1, 5), min_size=4, max_size=25), shares_(), st.integers(0, 99))
def test_splits_never_divide_a_group_and_each_gets_its_share(sizes, shares, seed):
    groups = {f"{g}-{n}": f"g{g}" for g, size in enumerate(sizes) for n in range(size)}
    split = split_scans(list(groups), shares, seed, groups)
    assert set(split) == set(groups)
    for group in set(groups.values()):
        assert len({split[scan] for scan in groups if groups[scan] == group}) == 1
    counts = {name: list(split.values()).count(name) for name in shares}
    assert counts["train"] > 0 and counts["val"] > 0
    for name in ("val", "test"):
        assert counts[name] <= max(round(shares[name] * len(groups)), max(sizes))
    if max(sizes) == 1:
        assert counts["val"] == max(round(shares["val"] * len(groups)), 1)
    assert split == split_scans(list(reversed(groups)), shares, seed, groups)


def test_the_seed_decides_and_a_split_without_groups_is_as_it_always_was():
    """Scans of datasets that were prepared before splits had groups stay where they were."""
    scans = [str(n) for n in range(30)]
    drawn = split_scans(scans, {"train": 0.8, "val": 0.2}, seed=0)
    shuffled = np.random.default_rng(0).permutation(sorted(scans))
    assert {scan for scan in scans if drawn[scan] == "val"} == set(shuffled[:6].tolist())
    assert drawn != split_scans(scans, {"train": 0.8, "val": 0.2}, seed=1)


def test_splits_and_groups_can_be_files(tmp_path):
    table, listed = tmp_path / "splits.csv", tmp_path / "groups.json"
    table.write_text("scan,split\n1,val\n2,train\n3,train\n")
    listed.write_text(json.dumps({"anna": ["1", "2"]}))
    fixed, groups = read_table(table, "split"), read_table(listed, "group")
    assert groups == {"1": "anna", "2": "anna"}
    assert assign_splits(["1", "2"], Splitting(fixed=fixed), {}) == {"1": "val", "2": "train"}
    with pytest.raises(TrainError, match="divides the group anna"):
        assign_splits(["1", "2"], Splitting(fixed=fixed, groups=groups), {})
    with pytest.raises(TrainError, match="does not name scan 4"):
        assign_splits(["1", "4"], Splitting(fixed=fixed), {})
    table.write_text("a,b\n1,2\n")
    for path in (table, tmp_path / "absent.csv"):
        with pytest.raises(TrainError, match="columns scan and split"):
            read_table(path, "split")


@pytest.mark.parametrize("text", ["train=0.8", "train=0.8,val=x", "val=1", "train=1.2,val=-0.2", "=1"])
def test_shares_that_are_none_are_refused(text):
    with pytest.raises(TrainError):
        parse_shares(text)
