"""Files that the server offers."""

from __future__ import annotations

import pytest

from liverseg.app.server import served_files


@pytest.fixture(autouse=True)
def upload_folder(tmp_path, monkeypatch):
    monkeypatch.setenv("GRADIO_TEMP_DIR", str(tmp_path))
    return tmp_path


def test_equal_contents_are_stored_once(upload_folder):
    first, again = (served_files.store("a.csv", b"1,2") for _ in range(2))
    other = served_files.store("a.csv", b"3")
    assert first == again != other and first.read_bytes() == b"1,2" and other.read_bytes() == b"3"
    assert sorted(upload_folder.rglob("*.csv")) == sorted([first, other])


def test_folders_are_private(upload_folder):
    first, second = served_files.private_folder(), served_files.private_folder()
    assert first != second and first.parent == second.parent == upload_folder
    assert len(first.name) == 64


def test_the_data_of_a_file_are_those_that_a_client_downloads():
    path = served_files.store("a.csv", b"1,2")
    assert served_files.file_data(path) == {
        "path": str(path),
        "url": f"/gradio_api/file={path}",
        "orig_name": "a.csv",
        "size": 3,
        "meta": {"_type": "gradio.FileData"},
    }
