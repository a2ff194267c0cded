"""The tools of the page, called with the client of the package `mcp`."""

from __future__ import annotations

import asyncio
import base64
import json
import os
import subprocess
import sys
from collections.abc import Awaitable, Callable
from io import BytesIO
from pathlib import Path
from typing import Any

import httpx
import numpy as np
import pytest
from gradio_client import Client, handle_file
from mcp import ClientSession
from mcp.client.streamable_http import streamable_http_client
from PIL import Image

from liverseg.app.launch import MCP_MISSING
from liverseg.app.server.request_guard import NOT_UPLOADED

ROOT = Path(__file__).parents[4]


@pytest.fixture(scope="module")
def tools(served) -> Callable[[Callable[[ClientSession], Awaitable[Any]]], Any]:
    """A function that runs a coroutine in a session with the tools of the page."""

    def run(work: Callable[[ClientSession], Awaitable[Any]]) -> Any:
        async def session() -> Any:
            address = f"{served.url}/gradio_api/mcp/"
            async with streamable_http_client(address) as (read, write, _):
                async with ClientSession(read, write) as client:
                    await client.initialize()
                    return await work(client)

        return asyncio.run(session())

    return run


def call(tools, name: str, **arguments: Any):
    return tools(lambda client: client.call_tool(name, arguments))


def data_url(path: str) -> str:
    return "data:application/octet-stream;base64," + base64.b64encode(Path(path).read_bytes()).decode()


def without_time(report: dict) -> dict:
    return {key: value for key, value in report.items() if key != "timing_s"}


def test_the_named_endpoints_are_the_tools(tools, served):
    listed = {tool.name: tool for tool in tools(lambda client: client.list_tools()).tools}
    endpoints = Client(served.url, verbose=False).view_api(return_format="dict")["named_endpoints"]
    assert {f"/{name}" for name in listed} == set(endpoints)
    for tool in listed.values():
        assert len(tool.description) > 40
        for name, argument in tool.inputSchema["properties"].items():
            assert argument["description"], f"{tool.name} says nothing of {name}"
    segment = listed["segment"].inputSchema
    assert list(segment["properties"]) == [
        "file",
        "checkpoint",
        "slice",
        "window_center",
        "window_width",
        "threshold",
        "series",
        "lesion_cut",
        "formats",
    ]
    assert segment["required"] == ["file"]


def test_checkpoints_are_json(tools, served):
    (content,) = call(tools, "checkpoints").content
    assert json.loads(content.text) == Client(served.url, verbose=False).predict(api_name="/checkpoints")


@pytest.mark.parametrize("with_progress", [False, True])
def test_a_report_and_pictures_are_those_of_the_endpoint(tools, served, nifti, tmp_path, with_progress):
    steps: list[float] = []

    async def progress(done: float, total: float | None, message: str | None) -> None:
        steps.append(done)

    settings = {"checkpoint": "segformer-b0-fast", "threshold": 0.3}
    result = tools(
        lambda client: client.call_tool(
            "segment",
            {"file": data_url(nifti), **settings, "slice": None},
            progress_callback=progress if with_progress else None,
        )
    )
    assert not result.isError and bool(steps) is with_progress
    client = Client(served.url, verbose=False, download_files=str(tmp_path))
    *paths, expected = client.predict(handle_file(nifti), **settings, api_name="/segment")
    report = json.loads(result.content[-1].text)
    assert without_time(report) == without_time(expected) and report["tumour"]["voxels"] > 0
    pictures = [content for content in result.content if content.type == "image"]
    assert len(pictures) == len(paths) == 3
    for picture, path in zip(pictures, paths, strict=True):
        shown = Image.open(BytesIO(base64.b64decode(picture.data)))
        assert picture.mimeType == "image/png" and np.array_equal(shown, Image.open(path))


def test_files_are_given_by_their_address(tools, served, nifti):
    result = call(tools, "segment", file=data_url(nifti), formats="csv,glb")
    files = json.loads(result.content[-1].text)["files"]
    assert [entry["name"] for entry in files] == ["mesh.glb", "report.csv"]
    for entry in files:
        assert entry["file"]["url"].startswith(served.url)
        assert len(httpx.get(entry["file"]["url"]).content) == entry["bytes"] > 0
    assert httpx.get(files[0]["file"]["url"]).content[:4] == b"glTF"


def test_a_comparison_is_that_of_the_endpoint(tools, served, png, tmp_path):
    refs = {"checkpoint_a": "segformer-b0", "checkpoint_b": "segformer-b0-fast"}
    result = call(tools, "compare", file=data_url(png), **refs)
    client = Client(served.url, verbose=False, download_files=str(tmp_path))
    expected = client.predict(handle_file(png), **refs, api_name="/compare")[3]
    assert json.loads(result.content[-1].text)["agreement"] == expected["agreement"]
    assert [content.type for content in result.content].count("image") == 3


def test_an_upload_is_passed_by_its_address_or_its_path(tools, served, png):
    with open(png, "rb") as stream:
        uploaded = httpx.post(f"{served.url}/gradio_api/upload", files={"files": stream}).json()[0]
    for file in (uploaded, f"{served.url}/gradio_api/file={uploaded}"):
        result = call(tools, "segment", file=file)
        assert json.loads(result.content[-1].text)["tumour"]["pixels"] > 0
    assert "MUSTERMANN" not in result.content[-1].text


@pytest.mark.parametrize(
    "file",
    [
        "/etc/passwd",
        "file:///etc/passwd",
        "{server}/gradio_api/file=/etc/passwd",
        "{server}/config",
        "http://localhost:1/ct.png",
        "http://169.254.169.254/latest/meta-data",
        "https://example.org/ct.png",
    ],
)
def test_only_uploads_are_read(tools, served, file):
    result = call(tools, "segment", file=file.format(server=served.url))
    assert result.isError and result.content[0].text == NOT_UPLOADED


def test_a_file_in_any_other_form_is_refused(tools, png):
    hidden = {"path": "/etc/passwd", "meta": {"_type": "gradio.FileData"}}
    for arguments in ({"file": hidden}, {"file": data_url(png), "checkpoint": hidden}):
        result = call(tools, "segment", **arguments)
        assert result.isError and "root:" not in result.content[0].text


def test_a_refusal_is_one_sentence(tools, text_file, png):
    result = call(tools, "segment", file=data_url(text_file))
    assert result.isError and "The file holds text, not an image" in result.content[0].text
    result = call(tools, "segment", file=data_url(png), checkpoint="no-such")
    assert result.isError and "no-such" in result.content[0].text and "/tmp" not in result.content[0].text


def test_files_in_data_urls_are_deleted_with_the_uploads(checkpoints, examples, tmp_path, monkeypatch, png):
    import gradio.mcp

    from liverseg.app.api import mcp_server
    from liverseg.app.page.layout import build

    monkeypatch.setenv("GRADIO_TEMP_DIR", str(tmp_path))
    monkeypatch.setattr(gradio.mcp, "GradioMCPServer", gradio.mcp.GradioMCPServer)
    mcp_server.serve_tools()
    page = build(checkpoints, examples)
    server = gradio.mcp.GradioMCPServer(page)
    given = server.convert_strings_to_filedata({"file": data_url(png), "slice": 1}, [["file"]])
    assert given["slice"] == 1 and given["file"]["path"] in page.upload_file_set
    assert Path(given["file"]["path"]).read_bytes() == Path(png).read_bytes()


def test_without_the_package_the_app_exits_with_a_sentence(registry_folder):
    code = (
        "import sys; sys.modules['mcp'] = None\n"
        "from liverseg.app.launch import main; sys.exit(main(['--port', '9']))"
    )
    environment = {**os.environ, "LIVERSEG_MCP": "1", "LIVERSEG_REGISTRY": str(registry_folder)}
    run = subprocess.run(
        [sys.executable, "-c", code], cwd=ROOT, env=environment, capture_output=True, text=True
    )
    assert run.returncode == 1 and run.stdout == ""
    assert run.stderr.splitlines() == [MCP_MISSING]


def test_the_log_contains_no_file_name(served):
    log = served.log()
    assert "MUSTERMANN" not in log and "passwd" not in log and "Traceback" not in log
