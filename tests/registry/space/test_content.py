from __future__ import annotations

from pathlib import Path

import pytest

from registry import PushRefused
from registry.space.content import (
    HARDWARE,
    ROOT,
    pinned_version,
    project_files,
    replace_pins,
    space_content,
    space_files,
    use_torch_index,
)
from registry.space.push import hardware_of


def test_a_readme_without_front_matter_is_refused() -> None:
    files = {
        "README.md": b"# x\n",
        "requirements.txt": b"gradio==6.0.0\ntorch==2.13.0\n",
        "constraints.txt": b"",
    }
    with pytest.raises(PushRefused, match="front matter"):
        space_content(files, HARDWARE["cpu-basic"], [], [])


def test_a_space_needs_no_tests_hidden_files_or_unused_pictures(tmp_path: Path) -> None:
    names = [
        "app.py",
        "docs/a.png",
        "docs/b.png",
        "docs/page.md",
        "liverseg/x.py",
        "registry/bundled/b0/model.pt",
        "tests/t.py",
        "train/RESULTS.md",
    ]
    readme = "![A picture](docs/a.png), [results](train/RESULTS.md#checkpoints), [the Hub](https://hf.co/docs/b.png)"
    unused = {"docs/b.png", "tests/t.py"}
    assert space_files(names, readme, with_bundled=True) == [name for name in names if name not in unused]
    unused.add("registry/bundled/b0/model.pt")
    assert space_files(names, readme, with_bundled=False) == [name for name in names if name not in unused]


def test_zerogpu_replaces_torch_and_drops_openvino() -> None:
    text = "torch==2.13.0\nopenvino==2026.4\nnumpy==2.4.6\n"
    assert replace_pins(text, HARDWARE["zero-a10g"]) == "torch==2.11.0\nnumpy==2.4.6\n"
    assert replace_pins(text, HARDWARE["cpu-basic"]) == text
    assert use_torch_index(text, HARDWARE["zero-a10g"]) == text
    with pytest.raises(PushRefused, match="does not pin gradio"):
        pinned_version(text, "gradio")


def test_a_cpu_gets_the_build_of_torch_for_cpus(tmp_path: Path) -> None:
    files = {
        name: (ROOT / name).read_bytes() for name in ("README.md", "requirements.txt", "constraints.txt")
    }
    pinned = pinned_version(files["requirements.txt"].decode(), "torch")
    for flavour, torch in (
        ("cpu-basic", f"{pinned}+cpu"),
        ("cpu-upgrade", f"{pinned}+cpu"),
        ("t4-small", pinned),
    ):
        content = space_content(files, hardware_of(flavour), [], [])
        lines = content["requirements.txt"].decode().splitlines()
        assert lines.count(f"torch=={torch}") == 1 and sum(line.startswith("torch") for line in lines) == 1
        index = "--extra-index-url https://download.pytorch.org/whl/cpu"
        assert lines.count(index) == (1 if torch.endswith("+cpu") else 0)
        assert content["constraints.txt"] == files["constraints.txt"]  # torch==X allows X+cpu
        assert f"suggested_hardware: {flavour}\n" in content["README.md"].decode()


def test_a_folder_that_is_not_the_project_is_refused(tmp_path: Path) -> None:
    (tmp_path / "app.py").write_text("")
    with pytest.raises(PushRefused, match="copy of the whole project"):
        project_files(tmp_path)
