"""Folds: a partition of the scans, undivided groups, balance, and reproducibility."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from train.data.folds import LITS_GROUP, ScanInfo, group_of, make_folds
from train.errors import TrainError


def random_scans(sizes, seed):
    """Scans in groups of these sizes, with random splits and tumour pixels."""
    rng = np.random.default_rng(seed)
    scans = []
    for group, size in enumerate(sizes):
        split = str(rng.choice(["train", "train", "val"]))
        for _ in range(size):
            tumour = int(rng.integers(0, 2) * rng.integers(0, 100_000))
            scans.append(ScanInfo(f"s{len(scans)}", f"g{group}", split, tumour))
    return scans


def scan_lists(largest_group=4):
    """A strategy for `random_scans`."""
    sizes = st.lists(st.integers(1, largest_group), min_size=6, max_size=20)
    return st.builds(random_scans, sizes, st.integers(0, 10_000))


@settings(deadline=None, max_examples=40)
@given(scan_lists(), st.integers(2, 5), st.integers(0, 1000))
def test_folds_are_a_partition_that_divides_no_group(scans, count, seed):
    folds = make_folds(scans, count, seed)
    assert len(folds) == count and all(folds)
    assert sorted(scan for fold in folds for scan in fold) == sorted(scan.scan for scan in scans)
    for group in {scan.group for scan in scans}:
        members = {scan.scan for scan in scans if scan.group == group}
        assert sum(bool(fold & members) for fold in folds) == 1


@settings(deadline=None, max_examples=40)
@given(scan_lists(), st.integers(2, 5), st.integers(0, 1000))
def test_sizes_differ_by_no_more_than_the_largest_group(scans, count, seed):
    largest = max(sum(s.group == group for s in scans) for group in {s.group for s in scans})
    sizes = [len(fold) for fold in make_folds(scans, count, seed)]
    assert max(sizes) - min(sizes) <= largest


@settings(deadline=None, max_examples=40)
@given(scan_lists(), st.integers(2, 5), st.integers(0, 1000), st.randoms())
def test_the_order_of_the_scans_does_not_matter(scans, count, seed, random):
    shuffled = list(scans)
    random.shuffle(shuffled)
    assert make_folds(shuffled, count, seed) == make_folds(scans, count, seed)


@settings(deadline=None, max_examples=40)
@given(scan_lists(largest_group=1), st.integers(0, 1000))
def test_ungrouped_scans_are_balanced_and_val_can_be_a_fold(scans, seed):
    scans = [*scans, ScanInfo("v", "v", "val", 7)]
    val = {scan.scan for scan in scans if scan.split == "val"}
    train = [scan.scan for scan in scans if scan.split == "train"]
    if len(train) >= 2:
        first, *others = make_folds(scans, 3, seed, keep_val=True)
        assert first == val and set().union(*others) == set(train)
        assert abs(len(others[0]) - len(others[1])) <= 1


def test_tumour_is_spread_over_the_folds():
    """The two scans with nearly all tumour pixels are never in one fold."""
    scans = [ScanInfo(str(n), str(n), "train", 1_000_000 if n < 2 else n) for n in range(12)]
    for seed in range(20):
        assert all(len(fold & {"0", "1"}) <= 1 for fold in make_folds(scans, 3, seed))


def test_another_seed_gives_other_folds_and_test_scans_are_ignored():
    scans = [ScanInfo(str(n), str(n), "train", n) for n in range(20)]
    held_out = ScanInfo("t", "t", "test", 0)
    assert make_folds(scans, 5, 0) == make_folds([*scans, held_out], 5, 0)
    assert make_folds(scans, 5, 0) != make_folds(scans, 5, 1)


def test_lits_scans_7_to_12_are_one_group():
    lits = {"name": "lits-26"}
    assert [group_of(lits, str(n)) for n in (6, 7, 12, 13)] == ["6", LITS_GROUP, LITS_GROUP, "13"]
    assert group_of({"name": "lits", "groups": {"6": "a"}}, "6") == "a"


@pytest.mark.parametrize(
    ("count", "splits", "keep_val", "message"),
    [
        (1, ["train"] * 3, False, "at least two"),
        (4, ["train"] * 3, False, "cannot make 4"),
        (2, ["train"] * 3, True, "no val split"),
        (2, ["train", "train", "val"], True, "shares the group"),
    ],
)
def test_impossible_folds_are_refused(count, splits, keep_val, message):
    groups = "aba" if message == "shares the group" else "abc"
    scans = [ScanInfo(str(n), groups[n], split, 0) for n, split in enumerate(splits)]
    with pytest.raises(TrainError, match=message):
        make_folds(scans, count, keep_val=keep_val)
