"""Scans in a bucket of a real S3 server and in a dataset on the Hub stand-in; nothing but the loopback."""

from __future__ import annotations

import os
import shutil
import threading
from http.server import ThreadingHTTPServer

import localbucket
import pytest

from liverseg.cohort import remote_files
from liverseg.cohort.discover import find_scans, folder_of
from liverseg.cohort.remote_files import File, Unavailable, fetched, list_files
from liverseg.errors import InputTooLarge, UnreadableInput
from tests.hub_standin.fixture import hub  # noqa: F401
from tests.hub_standin.repositories import Blob
from tests.liverseg.cohort.small_scans import write_nifti, write_series

SALT = b"salt"
REQUESTS: list[str] = []
"""What the S3 server was asked, by the test that runs."""


@pytest.fixture(scope="module")
def tree(tmp_path_factory):
    folder = tmp_path_factory.mktemp("tree")
    write_nifti(folder / "a" / "ct.nii.gz", 1)
    write_series(folder / "b", 2)
    (folder / "notes.txt").write_text("not an image")
    return folder


@pytest.fixture
def bucket(tree, tmp_path, monkeypatch):
    """The tree in s3://scans/study; returns the folder that the server keeps the bucket in."""
    shutil.copytree(tree, tmp_path / "scans" / "study")
    REQUESTS.clear()
    noted = {"data_root": tmp_path, "log_message": lambda handler, form, *told: REQUESTS.append(told[0])}
    handler = type("Noting", (localbucket.S3Handler,), noted)
    server = ThreadingHTTPServer(("127.0.0.1", 0), handler)
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


def told(found):
    return sorted((len(scan.files), scan.shape) for scan in found.scans), [f.kind for f in found.failures]


EXPECTED = [(1, None), (4, (4, 128, 128))], ["left aside"]


def test_a_bucket_holds_the_scans_that_its_folder_does(bucket, tree, tmp_path):
    found = find_scans("s3://scans/study", SALT, tmp_path / "out")
    assert len(REQUESTS) <= 1 + 6 * 4  # the listing, and of each file's head no request an element
    assert told(found) == told(find_scans(str(tree), SALT, tmp_path / "out")) == EXPECTED
    for scan in found.scans:
        with fetched(scan.files) as paths:
            names = [file.address.removeprefix("s3://scans/study/") for file in scan.files]
            assert [path.read_bytes() for path in paths] == [(tree / name).read_bytes() for name in names]
        assert not any(path.exists() for path in paths)  # copies do not stay
    stamps = [scan.stamp for scan in found.scans]
    write_nifti(bucket / "a" / "ct.nii.gz", 9)
    changed = [scan.stamp for scan in find_scans("s3://scans/study", SALT, tmp_path / "out").scans]
    assert [a == b for a, b in zip(stamps, changed, strict=True)] == [False, True]
    with pytest.raises(UnreadableInput, match="no file or folder"):
        list_files("s3://scans/nothing")


def test_a_list_in_a_bucket_names_files_beside_it(bucket, tmp_path):
    (bucket / "list.csv").write_text("path,age\na/ct.nii.gz,61\nb,48\nmissing.nii,9\n")
    found = find_scans("s3://scans/study/list.csv", SALT, tmp_path / "out")
    assert sorted(folder_of(scan.files) for scan in found.scans) == [
        "s3://scans/study/a/ct.nii.gz",
        "s3://scans/study/b",
    ]
    assert [(f.kind, f.reason) for f in found.failures] == [
        ("refused", "There is no file or folder at the address given.")
    ]


def test_a_dataset_on_the_hub(hub, tree, tmp_path):  # noqa: F811
    dataset = hub.repositories.create("datasets/lab/ct", private=True)
    paths = sorted(path for path in tree.rglob("*") if path.is_file())
    files = {str(path.relative_to(tree)): Blob(path.read_bytes(), False) for path in paths}
    dataset.add(files, "scans")
    found = find_scans("hf://datasets/lab/ct", SALT, tmp_path / "out")
    assert told(found) == EXPECTED
    with fetched(found.scans[0].files) as copies:
        assert copies[0].read_bytes() == (tree / "a" / "ct.nii.gz").read_bytes()
    assert len(find_scans("hf://datasets/lab/ct/b", SALT, tmp_path / "out").scans) == 1


def test_what_cannot_be_fetched_is_said(monkeypatch, bucket):
    with pytest.raises(Unavailable, match=r"no file system for addresses of nowhere://"):
        list_files("nowhere://x")
    with pytest.raises(InputTooLarge), fetched((File("s3://scans/huge", 3 * 1024**3, ""),)):
        raise AssertionError("not reached")
    with pytest.raises(Unavailable, match="cannot be fetched"), fetched((File("s3://scans/gone", 1, ""),)):
        raise AssertionError("not reached")
