"""The downloads of a result: which files there are, the zip, and when they are deleted."""

from __future__ import annotations

import json
import zipfile
from pathlib import Path

from gradio.route_utils import delete_files_created_by_app

from liverseg.app.html import page_text
from liverseg.app.page import downloads
from liverseg.app.page.layout import build
from liverseg.app.state.view import View
from liverseg.core.window import DEFAULT_WINDOW


def test_all_files_and_a_zip_of_them(volume_analysis, tmp_path):
    def keep(path: str) -> str:
        copy = tmp_path / Path(path).name
        copy.write_bytes(Path(path).read_bytes())
        return str(copy)

    shown = downloads.prepare(volume_analysis, True, View(1), keep)
    names = [Path(path).name for path in shown["files"]["value"]]
    assert names[0] == downloads.ZIP_NAME and len(set(names)) == len(names)
    wanted = (
        "labels.nii.gz lesions.nii.gz tumour_probability.nii.gz report.csv report.json report.pdf mesh.glb"
    )
    assert set(f"{wanted} overview.png".split()) <= set(names)
    with zipfile.ZipFile(tmp_path / names[0]) as archive:
        assert archive.testzip() is None and sorted(archive.namelist()) == sorted(names[1:])
        assert all(archive.read(name) == (tmp_path / name).read_bytes() for name in names[1:])
        assert json.loads(archive.read("report.json")) == volume_analysis.report.to_dict()


def test_a_picture_has_png_labels_and_no_mesh(picture_analysis, tmp_path):
    names = {path.name for path in downloads.write_all_files(tmp_path, picture_analysis, 0, DEFAULT_WINDOW)}
    assert {"labels.png", "lesions.png", "tumour_probability.png", "report.pdf"} <= names
    assert not names & {"labels.nii.gz", "mesh.glb"}


def test_the_downloads_are_deleted_with_the_uploads(checkpoints, examples, tmp_path, monkeypatch):
    monkeypatch.setenv("GRADIO_TEMP_DIR", str(tmp_path / "gradio"))
    page = build(checkpoints, examples)
    blocks = [b for b in page.blocks.values() if getattr(b, "elem_id", None) == "ls-files"]
    made = tmp_path / "mesh.glb"
    made.write_bytes(b"glTF")
    kept = [Path(downloads.cache_copier(block)(str(made))) for block in blocks]
    assert len(kept) == 1 and all(path.is_file() for path in kept)
    seconds = page_text.KEEP_MINUTES * 60
    delete_files_created_by_app(page, seconds)
    assert all(path.is_file() for path in kept)
    assert page.delete_cache == (60, seconds)
    delete_files_created_by_app(page, None)
    assert not any(path.exists() for path in kept)
