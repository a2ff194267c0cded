"""Packed datasets: the same pixels as decoding, reuse, and repacking of a changed dataset."""

import json
import os
import pickle
import shutil
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace

import cv2
import numpy as np
import pytest

from train.data import pack as pack_module
from train.data.dataset import DatasetFolder
from train.data.pack import PackedPictures, pack
from train.errors import TrainError


def test_a_pack_equals_the_decoded_slices(discs, tmp_path):
    packed = pack(discs, tmp_path / "cache")
    decoded = discs.load("train")
    slices = packed.slices({"0", "1"})
    assert slices.rows == decoded.rows and slices.window == decoded.window
    for name in ("greys", "labels"):
        for a, b in zip(getattr(slices, name), getattr(decoded, name), strict=True):
            assert np.array_equal(a, b) and a.dtype == b.dtype
    assert slices.shows_tumour.tolist() == decoded.shows_tumour.tolist()
    assert slices.shows_organ.tolist() == decoded.shows_organ.tolist()
    assert {row.scan for row in packed.slices({"2"}).rows} == {"2"}


def test_a_pack_is_written_once_and_read_without_decoding(discs, tmp_path, monkeypatch):
    path = pack(discs, tmp_path / "cache").path
    before = os.stat(path)
    monkeypatch.setattr(DatasetFolder, "load", lambda *_: pytest.fail("decoded again"))
    again = pack(discs, tmp_path / "cache")
    assert again.path == path and os.stat(path).st_mtime_ns == before.st_mtime_ns
    assert list((tmp_path / "cache").iterdir()) == [path]


def test_pictures_are_mapped_read_only_and_pickled_by_path(discs, tmp_path):
    greys = pack(discs, tmp_path / "cache").slices({"0", "1", "2"}).greys
    assert isinstance(greys, PackedPictures) and isinstance(greys[0], np.memmap)
    with pytest.raises(ValueError):
        greys[0][0, 0] = 1
    text = pickle.dumps(greys)
    assert len(text) < greys[0].size
    assert np.array_equal(pickle.loads(text)[3], greys[3])


def test_datasets_that_differ_in_their_splits_share_a_pack_and_another_table_does_not(discs, tmp_path):
    first, before = pack(discs, tmp_path / "cache").path, discs.fingerprint
    table = discs.folder / "slices.csv"
    table.write_text(table.read_text().replace(",2,0,val", ",2,0,test"))
    again = pack(DatasetFolder.open(discs.folder), tmp_path / "cache")
    assert again.path == first
    assert [row.split for row in again.rows if row.scan == "2"][0] == "test"
    assert DatasetFolder.open(discs.folder).fingerprint != before
    table.write_text(table.read_text().replace("s2_0,2,0", "s2_0,9,0"))
    assert pack(DatasetFolder.open(discs.folder), tmp_path / "cache").path != first


def test_sixteen_bits_and_several_windows_are_packed_as_stored(discs, tmp_path):
    description = discs.folder / "dataset.json"
    about = json.loads(description.read_text())
    stored = {}
    for kind, intensity in (
        ("linear", {"kind": "linear", "slope": 1.0, "intercept": -1024.0, "bits": 16}),
        ("windows", {"kind": "windows", "bits": 8, "windows": [{"center_hu": 60, "width_hu": 200}] * 2}),
    ):
        for row in discs.rows:
            picture = np.random.default_rng(len(stored)).integers(0, 255, (96, 96, 3)).astype(np.uint8)
            stored[kind, row.name] = picture[..., 0].astype(np.uint16) * 9 if kind == "linear" else picture
            path = discs.folder / "images" / f"{row.name}.png"
            cv2.imwrite(str(path), stored[kind, row.name])
        description.write_text(json.dumps({**about, "intensity": intensity}))
        slices = pack(DatasetFolder.open(discs.folder), tmp_path / "cache").slices({"0"})
        for row, grey in zip(slices.rows, slices.greys, strict=True):
            expected = stored[kind, row.name]
            assert np.array_equal(grey, expected if kind == "linear" else expected[..., ::-1][..., :2])
            assert slices.intensity.to_hu(grey).shape == (96, 96)


def test_an_unreadable_picture_is_refused_and_leaves_no_file(discs, tmp_path):
    (discs.folder / "images" / "s1_2.png").write_bytes(b"no picture")
    with pytest.raises(TrainError, match="s1_2.png cannot be read"):
        pack(discs, tmp_path / "cache")
    assert not list((tmp_path / "cache").iterdir())
    (tmp_path / "file").write_text("")
    with pytest.raises(TrainError, match="cannot be written"):
        pack(discs, tmp_path / "file")


def test_a_damaged_pack_and_missing_scans_are_refused(discs, tmp_path):
    packed = pack(discs, tmp_path / "cache")
    with pytest.raises(TrainError, match="no slices of the scans"):
        packed.slices({"9"})
    packed.path.write_bytes(b"x" * 100)
    with pytest.raises(TrainError, match="remove it"):
        pack(replace(discs), tmp_path / "cache")


def test_copies_of_a_dataset_share_a_pack_and_another_content_does_not(discs, tmp_path):
    copy = DatasetFolder.open(shutil.copytree(discs.folder, tmp_path / "elsewhere" / "copy"))
    assert copy.fingerprint == discs.fingerprint
    first = pack(discs, tmp_path / "cache").path
    assert pack(copy, tmp_path / "cache").path == first and first.name.startswith("discs-")
    picture = copy.folder / "images" / "s0_1.png"
    picture.write_bytes(picture.read_bytes() + b"\0")
    other = DatasetFolder.open(copy.folder)
    assert other.fingerprint != discs.fingerprint
    assert pack(other, tmp_path / "cache").path != first


def test_one_of_two_processes_packs_and_the_other_waits(discs, tmp_path, monkeypatch):
    started, release, written = threading.Event(), threading.Event(), []
    write = pack_module._write

    def slow(folder, path):
        written.append(path)
        started.set()
        release.wait(20)
        write(folder, path)

    monkeypatch.setattr(pack_module, "_write", slow)
    cache = tmp_path / "cache"
    with ThreadPoolExecutor(2) as pool:
        first = pool.submit(pack, discs, cache)
        assert started.wait(20)
        second = pool.submit(pack, DatasetFolder.open(discs.folder), cache)
        time.sleep(0.2)
        assert not second.done()
        release.set()
        assert second.result(20).path == first.result(20).path
    assert len(written) == 1


def test_the_pack_of_an_older_version_is_used(discs, tmp_path, monkeypatch):
    path = pack(discs, tmp_path / "cache").path
    older = path.with_name(f"{discs.folder.name}-{pack_module._content_key(discs)}.pack")
    path.rename(older)
    monkeypatch.setattr(pack_module, "_write", lambda *_: pytest.fail("packed again"))
    assert pack(discs, tmp_path / "cache").path == older


def test_runs_share_the_folder_of_packs_in_the_cache(tmp_path, monkeypatch):
    monkeypatch.setenv("LIVERSEG_CACHE", str(tmp_path / "all"))
    assert pack_module.default_cache() == tmp_path / "all" / "datasets"
