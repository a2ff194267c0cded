"""A checkpoint is trained, exported, published to the Hub stand-in and chosen on a page already open."""

from __future__ import annotations

import hashlib
import json
import os
import shlex
import subprocess
import sys
import time
import urllib.error
import urllib.request
from pathlib import Path

import pytest
from gradio_client import Client, handle_file

from liverseg.phantom import write
from tests.app_process import PATIENCE_S, ROOT, AppProcess
from tests.hub_standin.fixture import hub  # noqa: F401
from tests.hub_standin.server import HubStandin
from tests.phantoms import make
from tests.scenarios.browser.chromium import open_page, wait

TRAINING = """
set -e
train() { {python} -m train "$@"; }
train prepare phantom:3 data --val 0.5
train fit --data data --out run --samples 32 --score-every 32 --batch 4 --crop 64 --working-range 60 80 \
    --working-size 64 --option decoder_width=16 --option drop_path=0 --option dropout=0 --precision fp32 \
    --learning-rate 3e-3 --warmup 4 --threads 1 --workers 0 --no-tensorboard --pictures 0
train export run tiny --name tiny --version 0.1.0 --working-size 64 --data data:val
"""


def listed(client: Client) -> dict[str, dict]:
    """The checkpoints of the API, by reference."""
    return {entry["ref"]: entry for entry in client.predict(api_name="/checkpoints")}


def listed_with(client: Client, ref: str) -> dict[str, dict]:
    """The same, repeated until it has the reference: on a busy machine a request to the Hub may time out."""
    deadline = time.monotonic() + PATIENCE_S
    while ref not in (entries := listed(client)):
        assert time.monotonic() < deadline, f"{ref} is not listed"
        time.sleep(1)
    return entries


def test_a_new_checkpoint_can_be_chosen_on_a_page_that_is_already_open(hub: HubStandin, tmp_path: Path):  # noqa: F811
    script = TRAINING.replace("{python}", shlex.quote(sys.executable))
    training = subprocess.Popen(
        ["bash", "-c", script],
        cwd=tmp_path,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )
    picture = write(make(seed=2, size=256), tmp_path / "phantom", "png")[0]
    visitor = {
        "LIVERSEG_REGISTRY": "hf://lab,bundled",
        "HF_HOME": str(tmp_path / "visitor"),
        "HF_TOKEN": "",
        "GRADIO_MCP_SERVER": "True",  # this variable must not switch the MCP tools on
    }
    with AppProcess(tmp_path / "log", **visitor) as app, open_page(app.url, tmp_path) as page:
        page.upload(picture)
        wait(lambda: page.text("[data-measure=liver]"), "a result")
        page.open_tab("Where it comes from")
        wait(lambda: page.text("[data-fact=checkpoint]"), "its source")
        client = Client(app.url, verbose=False, download_files=str(tmp_path / "answers"))
        assert not any(ref.startswith("tiny") for ref in listed(client))

        output, _ = training.communicate(timeout=PATIENCE_S)
        assert training.returncode == 0, output
        publish = subprocess.run(
            [sys.executable, "-m", "train", "publish", str(tmp_path / "tiny"), "hf://lab"],
            cwd=ROOT,
            capture_output=True,
            text=True,
        )
        assert publish.returncode == 0, publish.stderr
        published = json.loads(publish.stdout)
        assert published["ref"] == "tiny@0.1.0"

        entry = listed_with(client, "tiny@0.1.0")["tiny@0.1.0"]
        model = hashlib.sha256((tmp_path / "tiny" / "model.pt").read_bytes()).hexdigest()
        assert (entry["registry"], entry["sha256"]) == ("hf://lab", model)

        (refresh,) = page.find("#ls-checkpoint button[aria-label='Refresh list']")
        refresh.click()  # adds the entry and keeps the result
        assert page.pictures() and app.runs() == 1
        page.choose_checkpoint("tiny 0.1.0")
        wait(lambda: page.text("[data-fact=checkpoint]") == "tiny@0.1.0", "the new checkpoint's result")
        assert published["revision"][:12] in page.text("[data-fact=weights]")

        report = client.predict(handle_file(picture), checkpoint="tiny", api_name="/segment")[3]
        identity = report["checkpoint"]
        assert (identity["ref"], identity["sha256"]) == ("tiny@0.1.0", model)
        assert (identity["registry"], identity["revision"]) == ("hf://lab", published["revision"])
        assert f"{report['liver']['pixels']}" == page.text("b[data-measure=liver]")

        page.driver.refresh()  # a new visit has the entry from the start
        wait(lambda: page.find("#ls-upload input[type=file]"), "the page")
        page.choose_checkpoint("tiny 0.1.0")
        assert app.process.poll() is None and app.log().count("Running on") == 1
        with pytest.raises(urllib.error.HTTPError, match="404"):
            urllib.request.urlopen(f"{app.url}/gradio_api/mcp/")
