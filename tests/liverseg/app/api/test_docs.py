"""Every example of `docs/api.md` and the README runs unchanged; the tables agree with a running app."""

from __future__ import annotations

import io
import os
import re
import shutil
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest
from gradio_client import Client, handle_file

from liverseg.app import launch
from liverseg.app.html import page_text
from liverseg.app.page import layout
from liverseg.phantom import make
from liverseg.phantom.files import dicom_slice

ROOT = Path(__file__).parents[4]
DOC = (ROOT / "docs" / "api.md").read_text(encoding="utf-8")
ADDRESS = "http://127.0.0.1:7860"
BLOCKS = re.findall(r"^```(python|bash)\n(.*?)^```", DOC, re.MULTILINE | re.DOTALL)
README_CODE = re.findall(
    r"^```python\n(.*?)^```", (ROOT / "README.md").read_text(encoding="utf-8"), re.MULTILINE | re.DOTALL
)
RUN_BY = {"python": [sys.executable, "-"], "bash": ["bash", "-euo", "pipefail"]}


@pytest.fixture(scope="module")
def folder(tmp_path_factory, png, nifti) -> Path:
    """A folder with the files that the examples name."""
    folder = tmp_path_factory.mktemp("reader")
    shutil.copy(png, folder / "slice.png")
    shutil.copy(nifti, folder / "scan.nii.gz")
    (folder / "demo").mkdir()
    shutil.copy(nifti, folder / "demo" / "ct.nii.gz")  # the name in the README
    with zipfile.ZipFile(folder / "study.zip", "w") as archive:
        for number, slices in ((1, 4), (2, 3)):
            scan = make("volume", seed=number, size=64, slices=slices)
            for index in range(slices):
                image = dicom_slice(scan, index)
                image.SeriesNumber = number
                image.save_as(buffer := io.BytesIO(), enforce_file_format=True)
                archive.writestr(f"{number}-{index}.dcm", buffer.getvalue())
    return folder


@pytest.fixture(scope="module")
def client(served, tmp_path_factory) -> Client:
    return Client(served.url, verbose=False, download_files=str(tmp_path_factory.mktemp("answers")))


def section(title: str) -> str:
    """The text under a heading, up to the next one of its level."""
    return re.search(rf"^## {title}\n(.*?)(?=^## |\Z)", DOC, re.MULTILINE | re.DOTALL).group(1)


def table_keys(text: str, header: str) -> set[str]:
    """The code words in the first column of a table, found by its header."""
    table = text[text.index(f"| {header} |") :].split("\n\n")[0]
    rows = [line.split("|")[1] for line in table.splitlines()[2:]]
    return {word for row in rows for word in re.findall(r"`(\w+)`", row)}


@pytest.mark.parametrize("number", range(len(BLOCKS)))
def test_an_example_runs(served, folder, number):
    language, code = BLOCKS[number]
    assert ADDRESS in code
    environment = {**os.environ, "TMPDIR": str(folder), "GRADIO_TEMP_DIR": str(folder / "answers")}
    ran = subprocess.run(
        RUN_BY[language],
        input=code.replace(ADDRESS, served.url),
        cwd=folder,
        env=environment,
        capture_output=True,
        text=True,
    )
    assert ran.returncode == 0, ran.stderr
    assert ran.stdout.strip() and "event: error" not in ran.stdout
    quoted = re.search(r"# (There (?:is no slice \d+|are \d CT series[^;]+))", code)
    if quoted:
        assert quoted.group(1) in ran.stdout


@pytest.mark.parametrize("number", range(len(README_CODE)))
def test_an_example_of_the_readme_runs(served, folder, number, monkeypatch, capsys):
    monkeypatch.chdir(folder)
    exec(compile(README_CODE[number].replace(ADDRESS, served.url), "README.md", "exec"), {})
    assert '"tumour"' in capsys.readouterr().out or served.url in README_CODE[number].replace(
        ADDRESS, served.url
    )


def test_the_readme_has_an_example_for_python_and_one_for_http():
    assert [ADDRESS in code for code in README_CODE] == [False, True]


def test_both_languages_are_there_for_every_endpoint(client):
    names = client.view_api(return_format="dict")["named_endpoints"]
    assert {f"/{name}" for name in re.findall(r"\[`/(\w+)`\]", DOC)} == set(names)
    for name in names:
        assert any(language == "python" and f'api_name="{name}"' in code for language, code in BLOCKS)
        assert any(language == "bash" and f"/call/v2{name}" in code for language, code in BLOCKS)


def test_the_arguments_are_those_of_the_endpoints(client):
    for name, endpoint in client.view_api(return_format="dict")["named_endpoints"].items():
        wanted = {parameter["parameter_name"] for parameter in endpoint["parameters"]}
        text = section(name)
        assert (table_keys(text, "argument") if wanted else set()) == wanted
        for parameter in endpoint["parameters"]:
            if parameter["parameter_default"] is not None:
                assert re.search(
                    rf"`{parameter['parameter_name']}` \| [^|]* \| {parameter['parameter_default']:g} \|",
                    text,
                )


def test_the_keys_are_those_of_the_results(client, nifti):
    report = client.predict(handle_file(nifti), api_name="/segment")[3]
    text = section("/segment")
    text = text[text.index("| key |") :]
    assert table_keys(text, "key") - {"edited"} == set(report)  # only an edited result has that key
    for key in ("input", "checkpoint", "lesions"):
        found = report[key][0] if key == "lesions" else report[key]
        row = re.search(rf"^\| `{key}` \| (.*) \|$", text, re.MULTILINE).group(1)
        assert set(re.findall(r"`(\w+)`", row)) - {"slice", "volume"} <= set(found)
    comparison = client.predict(handle_file(nifti), "segformer-b0", "segformer-b0-fast", api_name="/compare")[
        3
    ]
    text = section("/compare")
    text = text[text.index("| key |") :]
    assert table_keys(text, "key") == set(comparison)
    row = re.search(r"^\| `agreement` \| (.*) \|$", text, re.MULTILINE).group(1)
    found = {*comparison["agreement"], *comparison["agreement"]["tumour"]}
    assert set(re.findall(r"`(\w+)`", row)) <= found
    (entry, *_) = client.predict(api_name="/checkpoints")
    text = section("/checkpoints")
    assert table_keys(text, "key") == set(entry)
    row = re.search(r"^\| `dice` \| (.*) \|$", text, re.MULTILINE).group(1)
    assert set(re.findall(r"`(\w+)`", row)) == set(entry["dice"])


def test_the_limits_are_those_of_the_app():
    assert launch.MAX_UPLOAD == "1gb" and "larger than 1 GB" in DOC
    assert f"more than {layout.MAX_WAITING} waiting" in DOC
    assert re.search(rf"deleted\s+{page_text.KEEP_MINUTES}\s+minutes\s+after", DOC)
