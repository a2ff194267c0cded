"""`python -m train publish`."""

from __future__ import annotations

import dataclasses
import json

from registry import open_registries
from registry.folder import open_checkpoint
from registry.progress import size_text
from train.__main__ import main


def test_publish_sends_a_checkpoint_to_a_folder_registry(tmp_path, capsys):
    source = open_registries("bundled").find("segformer-b0")
    target = tmp_path / "shelf"
    assert main(["publish", str(source.folder), str(target)]) == 0
    shown = capsys.readouterr()
    assert json.loads(shown.out)["ref"] == source.ref
    size = (source.folder / "model.pt").stat().st_size
    assert f"model.pt {size_text(size)}\n" in shown.err
    (sent,) = open_registries(str(target)).list()
    assert sent.manifest.to_json() == source.manifest.to_json()
    assert main(["publish", str(source.folder), str(target)]) == 0
    assert json.loads(capsys.readouterr().out)["unchanged"] is True


def test_publish_refuses_in_one_line(tmp_path, capsys):
    source = open_registries("bundled").find("segformer-b0")
    copy = tmp_path / "copy"
    copy.mkdir()
    for name in ("manifest.json", *source.manifest.files):
        (copy / name).write_bytes((source.folder / name).read_bytes())
    changed = dataclasses.replace(source.manifest, extra={})
    (copy / "manifest.json").write_text(changed.to_json(), encoding="utf-8")
    assert main(["publish", str(copy), str(tmp_path / "shelf")]) == 1
    error = capsys.readouterr().err.strip()
    assert error == "Not published: its parity with the trained network was not checked."
    assert not (tmp_path / "shelf").exists()
    assert open_checkpoint(copy, "").manifest.extra == {}


def test_publish_sends_a_checkpoint_to_the_hub(hub, capsys):
    source = open_registries("bundled").find("segformer-b0")
    assert main(["publish", str(source.folder), "hf://lab"]) == 0
    sent = json.loads(capsys.readouterr().out)
    assert sent["ref"] == source.ref and len(sent["revision"]) == 40 and not sent["unchanged"]
    (there,) = open_registries("hf://lab").list()
    assert (there.ref, there.revision) == (source.ref, sent["revision"])
    assert there.read_model() == source.read_model()
    assert main(["publish", str(source.folder), "hf://lab"]) == 0
    again = json.loads(capsys.readouterr().out)
    assert again["unchanged"] and again["revision"] == sent["revision"]
