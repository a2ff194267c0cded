"""Splits of scans: groups stay together, shares hold, seeds and files decide."""

import json

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from train.data.prepare.settings import SplitSettings
from train.data.prepare.splits import assign_splits, parse_shares, read_table, split_scans
from train.errors import TrainError


@st.composite
def random_shares(draw):
    val, test = draw(st.floats(0.05, 0.35)), draw(st.floats(0, 0.3))
    return {"train": 1 - val - test, "val": val, "test": test}


@settings(deadline=None, max_examples=60)
@given(st.lists(st.integers(1, 5), min_size=4, max_size=25), random_shares(), st.integers(0, 99))
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


def test_the_seed_decides_and_scans_without_groups_keep_their_historic_split():
    """Scans of datasets that were prepared before splits had groups keep their split."""
    scans = [str(n) for n in range(30)]
    drawn = split_scans(scans, {"train": 0.8, "val": 0.2}, seed=0)
    shuffled = np.random.default_rng(0).permutation(sorted(scans))
    assert {scan for scan in scans if drawn[scan] == "val"} == set(shuffled[:6].tolist())
    assert drawn != split_scans(scans, {"train": 0.8, "val": 0.2}, seed=1)


def test_splits_and_groups_are_read_from_files(tmp_path):
    table, listed = tmp_path / "splits.csv", tmp_path / "groups.json"
    table.write_text("scan,split\n1,val\n2,train\n3,train\n")
    listed.write_text(json.dumps({"anna": ["1", "2"]}))
    fixed, groups = read_table(table, "split"), read_table(listed, "group")
    assert groups == {"1": "anna", "2": "anna"}
    assert assign_splits(["1", "2"], SplitSettings(fixed=fixed), {}) == {"1": "val", "2": "train"}
    with pytest.raises(TrainError, match="divides the group anna"):
        assign_splits(["1", "2"], SplitSettings(fixed=fixed, groups=groups), {})
    with pytest.raises(TrainError, match="does not name scan 4"):
        assign_splits(["1", "4"], SplitSettings(fixed=fixed), {})
    table.write_text("a,b\n1,2\n")
    for path in (table, tmp_path / "absent.csv"):
        with pytest.raises(TrainError, match="columns scan and split"):
            read_table(path, "split")


@pytest.mark.parametrize("text", ["train=0.8", "train=0.8,val=x", "val=1", "train=1.2,val=-0.2", "=1"])
def test_invalid_shares_are_refused(text):
    with pytest.raises(TrainError):
        parse_shares(text)
