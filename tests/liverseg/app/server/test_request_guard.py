"""Invalid inputs of the endpoints: refused in one sentence, without a log entry."""

from __future__ import annotations

import json
from pathlib import Path

import gradio as gr
import httpx
import pytest
from gradio.utils import get_upload_folder

from liverseg.app.launch import launch_options
from liverseg.app.page.layout import build
from liverseg.app.server.request_guard import NO_FILE, NOT_UPLOADED, within_ranges

META = {"_type": "gradio.FileData"}


@pytest.fixture(scope="module")
def api(checkpoints, examples, tmp_path_factory):
    patch = pytest.MonkeyPatch()
    patch.setenv("GRADIO_TEMP_DIR", str(tmp_path_factory.mktemp("gradio")))
    page: gr.Blocks = build(checkpoints, examples)
    _, address, _ = page.launch(
        server_name="127.0.0.1", prevent_thread_lock=True, quiet=True, **launch_options()
    )
    with httpx.Client(base_url=f"{address}gradio_api/", timeout=60) as client:
        yield client
    page.close()
    patch.undo()


def test_values_of_sliders_are_clamped_and_others_left_alone():
    with gr.Blocks():
        threshold, number, text = gr.Slider(0.01, 1, 0.5), gr.Number(7), gr.Textbox("a")
    given = [(value, 1e9, "-") for value in (1e9, -2, 0.25, None, "-", float("nan"))]
    components = [threshold, number, text]
    guarded = [within_ranges(components, list(values), None) for values in given]
    assert [values[0] for values in guarded] == [1, 0.01, 0.25, 0.5, 0.5, 0.5]
    assert all(values[1:] == [1e9, "-"] for values in guarded)
    own = gr.Slider(1, 24, 3)
    assert within_ranges([threshold], [119, "more"], {threshold._id: own}) == [24, "more"]


@pytest.fixture
def uploaded(api, png) -> str:
    with open(png, "rb") as stream:
        return api.post("upload", files={"files": ("slice.png", stream)}).json()[0]


def answer(api: httpx.Client, name: str, values: list) -> tuple[str, object]:
    """The last event of a call (`complete` or `error`) and its data."""
    event = api.post(f"call/{name}", json={"data": values}).json()["event_id"]
    kind, data = api.get(f"call/{name}/{event}").text.strip().split("\n")[-2:]
    return kind.removeprefix("event: "), json.loads(data.removeprefix("data: "))


def values(file: object, **changes: object) -> list:
    given = {"checkpoint": None, "slice": None, "center": 40, "width": 400, "threshold": None, "series": None}
    given |= {"lesion_cut": None, "formats": None} | changes
    return [file, *given.values()]


def test_an_upload_is_segmented(api, uploaded):
    kind, data = answer(api, "segment", values({"path": uploaded, "meta": META}))
    assert kind == "complete" and data[3]["tumour"]["pixels"] > 0


@pytest.mark.parametrize("missing", [1, 2])
def test_a_client_that_does_not_know_the_last_arguments_is_served(api, uploaded, missing):
    kind, data = answer(api, "segment", values({"path": uploaded, "meta": META})[:-missing])
    assert kind == "complete" and data[3]["tumour"]["pixels"] > 0 and "files" not in data[3]
    kind, data = answer(api, "segment", values({"path": uploaded, "meta": META})[:-3])
    assert kind == "error" and "values are needed" in data["error"]


@pytest.mark.parametrize(
    "path",
    [
        "/etc/passwd",
        "file:///etc/passwd",
        "MUSTERMANN_ERIKA.png",
        "{uploads}/../secret.png",
        "{uploads}/link.png",
        "{uploads}",
        "{server}/config",
        "http://localhost:1/ct.png",
        "http://169.254.169.254/latest/meta-data",
        "http://[::1]/ct.png",
        "https://example.org/ct.png",
        "a\0b",
    ],
)
def test_only_uploads_are_read(api, tmp_path, capfd, path):
    uploads = Path(get_upload_folder())
    secret = uploads.parent / "secret.png"
    secret.write_bytes(b"secret")
    link = uploads / "link.png"
    if not link.is_symlink():
        link.symlink_to(secret)
    server = str(api.base_url).removesuffix("/gradio_api/")
    given = path.format(uploads=uploads, server=server)
    kind, data = answer(api, "segment", values({"path": given, "meta": META}))
    assert (kind, data["error"]) == ("error", NOT_UPLOADED)
    output = capfd.readouterr()
    assert output.out + output.err == ""


def test_paths_are_checked_at_any_depth(api):
    for file in ({"path": "/etc/passwd"}, [[{"path": "/etc/passwd"}]], {"a": [{"path": "/etc/passwd"}]}):
        assert answer(api, "segment", values(file))[1]["error"] == NOT_UPLOADED


def test_the_url_of_an_upload_is_not_fetched(api, uploaded):
    server = str(api.base_url).removesuffix("/gradio_api/")
    file = {"path": uploaded, "url": f"{server}/no-such", "meta": META}
    assert answer(api, "segment", values(file))[0] == "complete"


@pytest.mark.parametrize("file", ["/etc/passwd", {"url": "/etc/passwd"}, 5, [["/etc/passwd"]]])
def test_files_in_other_forms_are_refused(api, file, capfd):
    kind, data = answer(api, "segment", values(file))
    assert (kind, data["error"]) == ("error", NO_FILE)
    output = capfd.readouterr()
    assert output.out + output.err == ""


def test_a_file_as_another_argument_is_refused(api, uploaded):
    hidden = {"path": "/etc/passwd", "meta": META}
    kind, data = answer(api, "segment", values({"path": uploaded, "meta": META}, checkpoint=hidden))
    assert (kind, data["error"]) == ("error", NOT_UPLOADED)


@pytest.mark.parametrize(
    ("changes", "sentence"),
    [
        ({"threshold": "half"}, "threshold must be a number."),
        ({"slice": True}, "slice must be a number."),
        ({"width": [400]}, "window_width must be a number."),
        ({"checkpoint": 5}, "checkpoint must be text."),
        ({"formats": ["nifti"]}, "formats must be text."),
    ],
)
def test_values_of_the_wrong_type_are_refused(api, uploaded, changes, sentence, capfd):
    kind, data = answer(api, "segment", values({"path": uploaded, "meta": META}, **changes))
    assert (kind, data["error"]) == ("error", sentence)
    output = capfd.readouterr()
    assert output.out + output.err == ""


def test_too_few_values_are_refused(api, uploaded):
    kind, data = answer(api, "segment", [{"path": uploaded, "meta": META}])
    assert kind == "error" and data["error"].startswith("9 values are needed")
    assert data["error"].endswith(
        "slice, window_center, window_width, threshold, series, lesion_cut, formats."
    )


@pytest.mark.parametrize(
    ("body", "detail"),
    [({}, "required argument: file"), ({"file": None, "slize": 1}, "`slize` is not a valid")],
)
def test_wrong_argument_names_are_refused(api, body, detail, capfd):
    response = api.post("call/v2/segment", json=body)
    assert response.status_code == 422 and detail in response.json()["detail"]
    logged = capfd.readouterr()
    assert "Traceback" not in logged.out + logged.err


def test_the_file_route_serves_uploads_only(api):
    for path in ("/etc/passwd", "http://127.0.0.1:1/ct.png", "http://10.0.0.1/"):
        response = api.get(f"file={path}")
        assert response.status_code in (403, 404) and "root:" not in response.text
