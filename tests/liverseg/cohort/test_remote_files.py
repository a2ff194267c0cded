"""Scans in a bucket of a local S3 server and in a dataset of the Hub stand-in."""

from __future__ import annotations

import os
import shutil
import threading
from http.server import ThreadingHTTPServer

import localbucket
import pytest

from liverseg.cohort import remote_files
from liverseg.cohort.discover import Inventory, common_address, find_scans
from liverseg.cohort.remote_files import File, Unavailable, fetched, list_files
from liverseg.errors import InputTooLarge, UnreadableInput
from tests.hub_standin.fixture import hub  # noqa: F401
from tests.hub_standin.repositories import Blob
from tests.liverseg.cohort.small_scans import write_nifti, write_series

SALT = b"salt"
REQUESTS: list[str] = []
"""Requests to the S3 server in the running test."""


@pytest.fixture(scope="module")
def tree(tmp_path_factory):
    folder = tmp_path_factory.mktemp("tree")
    write_nifti(folder / "a" / "ct.nii.gz", 1)
    write_series(folder / "b", 2)
    (folder / "notes.txt").write_text("not an image")
    return folder


@pytest.fixture
def bucket(tree, tmp_path, monkeypatch):
    """`tree` as s3://scans/study; returns the local folder of the server's copy."""
    shutil.copytree(tree, tmp_path / "scans" / "study")
    REQUESTS.clear()

    class Handler(localbucket.S3Handler):
        data_root = tmp_path

        def log_message(self, form, request, *rest):
            REQUESTS.append(request)

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    threading.Thread(target=server.serve_forever, args=(0.02,), daemon=True).start()
    for name in [name for name in os.environ if name.startswith("AWS_")]:
        monkeypatch.delenv(name)
    monkeypatch.setenv("AWS_ENDPOINT_URL", f"http://127.0.0.1:{server.server_address[1]}")
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "key")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "secret")
    remote_files._arrow_s3.cache_clear()
    yield tmp_path / "scans" / "study"
    remote_files._arrow_s3.cache_clear()
    server.shutdown()
    server.server_close()


def summarise(inventory: Inventory):
    """Number of files and shape of each scan, and the kind of each failure."""
    scans = sorted((len(scan.files), scan.shape) for scan in inventory.scans)
    return scans, [failure.kind for failure in inventory.failures]


EXPECTED = [(1, None), (4, (4, 128, 128))], ["left aside"]


def test_a_bucket_gives_the_scans_of_the_same_local_folder(bucket, tree, tmp_path):
    inventory = find_scans("s3://scans/study", SALT, tmp_path / "out")
    assert len(REQUESTS) <= 1 + 6 * 4  # one listing and a few blocks per file, not one per DICOM element
    assert summarise(inventory) == summarise(find_scans(str(tree), SALT, tmp_path / "out")) == EXPECTED
    for scan in inventory.scans:
        with fetched(scan.files) as paths:
            names = [file.address.removeprefix("s3://scans/study/") for file in scan.files]
            assert [path.read_bytes() for path in paths] == [(tree / name).read_bytes() for name in names]
        assert not any(path.exists() for path in paths)  # copies are removed
    stamps = [scan.stamp for scan in inventory.scans]
    write_nifti(bucket / "a" / "ct.nii.gz", 9)
    changed = [scan.stamp for scan in find_scans("s3://scans/study", SALT, tmp_path / "out").scans]
    assert [a == b for a, b in zip(stamps, changed, strict=True)] == [False, True]
    with pytest.raises(UnreadableInput, match="no file or folder"):
        list_files("s3://scans/nothing")


def test_paths_of_a_list_in_a_bucket_start_at_its_folder(bucket, tmp_path):
    (bucket / "list.csv").write_text("path,age\na/ct.nii.gz,61\nb,48\nmissing.nii,9\n")
    inventory = find_scans("s3://scans/study/list.csv", SALT, tmp_path / "out")
    assert sorted(common_address(scan.files) for scan in inventory.scans) == [
        "s3://scans/study/a/ct.nii.gz",
        "s3://scans/study/b",
    ]
    assert [(failure.kind, failure.reason) for failure in inventory.failures] == [
        ("refused", "There is no file or folder at the address given.")
    ]


def test_a_private_dataset_on_the_hub_gives_its_scans(hub, tree, tmp_path):  # noqa: F811
    dataset = hub.repositories.create("datasets/lab/ct", private=True)
    paths = sorted(path for path in tree.rglob("*") if path.is_file())
    files = {str(path.relative_to(tree)): Blob(path.read_bytes(), False) for path in paths}
    dataset.add(files, "scans")
    inventory = find_scans("hf://datasets/lab/ct", SALT, tmp_path / "out")
    assert summarise(inventory) == EXPECTED
    with fetched(inventory.scans[0].files) as copies:
        assert copies[0].read_bytes() == (tree / "a" / "ct.nii.gz").read_bytes()
    assert len(find_scans("hf://datasets/lab/ct/b", SALT, tmp_path / "out").scans) == 1


def test_files_that_cannot_be_fetched_are_refused(bucket):
    with pytest.raises(Unavailable, match=r"no file system for nowhere:// addresses"):
        list_files("nowhere://x")
    with pytest.raises(InputTooLarge), fetched((File("s3://scans/huge", 3 * 1024**3, ""),)):
        raise AssertionError("not reached")
    with pytest.raises(Unavailable, match="cannot be fetched"), fetched((File("s3://scans/gone", 1, ""),)):
        raise AssertionError("not reached")
