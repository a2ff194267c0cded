"""Records of converted scans: saving, loading, and removal of leftovers."""

import os
from dataclasses import replace

import pytest

from tests.train.data.prepare.sample_record import RECORD
from train.data.prepare.records import RecordStore
from train.data.prepare.scans import NiftiPair
from train.data.prepare.settings import ConversionSettings
from train.errors import TrainError


@pytest.fixture
def store(tmp_path):
    store = RecordStore(tmp_path / "out")
    store.open(ConversionSettings(), "NiftiPair", overwrite=False)
    return store


@pytest.fixture
def pair(tmp_path):
    for name in ("image", "reference"):
        (tmp_path / name).write_bytes(name.encode())
    return NiftiPair("7", tmp_path / "image", tmp_path / "reference")


def test_a_record_is_loaded_until_a_source_file_changes(store, pair):
    assert store.load(pair) is None
    store.save(pair, RECORD)
    assert store.load(pair) == RECORD
    os.utime(pair.image, ns=(1, 1))
    assert store.load(pair) is None


def test_slices_and_records_of_other_scans_are_removed(store, pair):
    store.save(pair, RECORD)
    store.save(replace(pair, scan="8"), replace(RECORD, scan="8"))
    for name in ("scan-7_slice-000", "scan-8_slice-000"):
        (store.out / "images" / f"{name}.png").touch()
    store.remove_leftovers([RECORD])
    files = sorted(path.name for path in store.out.rglob("*.*") if path.is_file())
    assert files == ["7.json", "scan-7_slice-000.png", "settings.json"]


def test_other_settings_are_refused_unless_they_overwrite(store):
    (store.out / "images" / "scan-7_slice-000.png").touch()
    other = ConversionSettings(empty_share=0.5)
    with pytest.raises(TrainError, match=r"other settings \(empty_share\)"):
        store.open(other, "NiftiPair", overwrite=False)
    store.open(other, "NiftiPair", overwrite=True)
    assert not list((store.out / "images").iterdir())
