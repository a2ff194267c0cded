"""Folder trees with links: followed inside the tree they lie in, never out of it."""

from __future__ import annotations

import os

import pytest

from liverseg.io import folder as folders
from liverseg.io.folder import LEADS_NOWHERE, LEADS_OUT, NO_FILE, NOT_OPENED, entries_below


def found(folder):
    return [(entry.path.relative_to(folder).as_posix(), entry.skipped) for entry in entries_below(folder)]


def make(folder, *names):
    for name in names:
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text(name)


def test_files_are_in_order_and_a_link_to_one_of_them_is_not_a_second_one(tmp_path):
    make(tmp_path, "b/2", "b/1", "a/x/3", "c")
    (tmp_path / "link").symlink_to(tmp_path / "c")
    (tmp_path / "loop").symlink_to(tmp_path)
    (tmp_path / "b" / "inside").symlink_to(tmp_path / "a")
    assert found(tmp_path) == [(name, "") for name in ("c", "a/x/3", "b/1", "b/2")]


def test_links_out_of_the_folder_and_to_nothing_are_named_and_not_followed(tmp_path):
    make(tmp_path, "in/a", "outside/secret", "in2/b")
    for name, target in (
        ("to_file", tmp_path / "outside" / "secret"),
        ("to_folder", tmp_path / "outside"),
        ("beside", "../in2/b"),  # the name of the other folder starts with that of this one
        ("by_itself", "by_itself"),
        ("by_a_link", "to_folder/secret"),
        ("gone", "nothing"),
    ):
        (tmp_path / "in" / name).symlink_to(target)
    assert found(tmp_path / "in") == [
        ("a", ""),
        ("beside", LEADS_OUT),
        ("by_a_link", LEADS_OUT),
        ("by_itself", LEADS_NOWHERE),
        ("gone", LEADS_NOWHERE),
        ("to_file", LEADS_OUT),
        ("to_folder", LEADS_OUT),
    ]


@pytest.mark.parametrize("given", [".", "sub-01", "sub-01/ct"])
def test_git_annex_content_is_read_through_its_links(given, tmp_path):
    make(tmp_path, ".git/config", ".git/annex/objects/k1/K1", ".git/annex/objects/k2/K2", "sub-01/ct/plain")
    ct = tmp_path / "sub-01" / "ct"
    for name, key in (("1", "k1/K1"), ("2", "k2/K2"), ("again", "k1/K1"), ("not_fetched", "k3/K3")):
        (ct / name).symlink_to(f"../../.git/annex/objects/{key}")
    (ct / "config").symlink_to("../../.git/config")
    names = [(entry.path.name, entry.skipped) for entry in entries_below(tmp_path / given)]
    assert names == [
        ("1", ""),
        ("2", ""),
        ("config", LEADS_OUT),
        ("not_fetched", LEADS_NOWHERE),
        ("plain", ""),
    ]


def test_a_repository_inside_the_folder_has_its_own_content(tmp_path):
    make(tmp_path, "data/.git/annex/objects/K1")
    (tmp_path / "data" / "1").symlink_to(".git/annex/objects/K1")
    assert found(tmp_path) == [("data/1", "")]


@pytest.mark.parametrize("given", [".", "snapshots", "snapshots/abc", "snapshots/abc/ct"])
def test_the_cache_of_the_hub_is_read_through_its_links(given, tmp_path):
    make(tmp_path, "blobs/1234", "blobs/5678", "refs/main")
    ct = tmp_path / "snapshots" / "abc" / "ct"
    ct.mkdir(parents=True)
    (ct / "1.dcm").symlink_to("../../../blobs/1234")
    (ct / "2.dcm").symlink_to("../../../blobs/5678")
    read = [entry.path.read_text() for entry in entries_below(tmp_path / given) if not entry.skipped]
    assert read[:2] == ["blobs/1234", "blobs/5678"]
    assert len(read) == (3 if given == "." else 2)  # refs/main is a file of the cache itself


@pytest.mark.parametrize("store", [".git/annex/objects", "blobs"])
def test_a_store_that_is_a_link_to_another_place_is_not_used(store, tmp_path):
    make(tmp_path, "secret/K1")
    tree = tmp_path / "tree"
    given = tree / "snapshots" / "a"
    given.mkdir(parents=True)
    (tree / store).parent.mkdir(parents=True, exist_ok=True)
    (tree / store).symlink_to(tmp_path / "secret")
    (given / "1").symlink_to(f"../../{store}/K1")
    assert found(given) == [("1", LEADS_OUT)]


def test_what_is_no_file_and_what_cannot_be_opened_is_named(tmp_path, monkeypatch):
    make(tmp_path, "a", "closed/b")
    os.mkfifo(tmp_path / "pipe")
    scandir = os.scandir

    def guarded(path):
        if str(path).endswith("closed"):
            raise PermissionError(13, "Permission denied", str(path))
        return scandir(path)

    monkeypatch.setattr(folders.os, "scandir", guarded)
    assert found(tmp_path) == [("a", ""), ("pipe", NO_FILE), ("closed", NOT_OPENED)]
