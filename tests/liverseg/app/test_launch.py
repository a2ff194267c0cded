"""The command line, the options of the server, and the log."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from liverseg.app import launch

ROOT = Path(__file__).parents[3]


def test_the_page_listens_on_this_machine_only_except_on_a_space():
    assert launch.server_name({}) == "127.0.0.1"
    assert launch.server_name({"SPACE_ID": "owner/space"}) == "0.0.0.0"
    assert launch.server_name({"SPACE_ID": "owner/space", "GRADIO_SERVER_NAME": "127.0.0.1"}) == "127.0.0.1"


def test_the_port_is_checked():
    assert launch.parse([]).port is None
    assert launch.parse(["--port", "7861"]).port == 7861
    for wrong in ("0", "70000", "many"):
        with pytest.raises(SystemExit) as stopped:
            launch.parse(["--port", wrong])
        assert stopped.value.code == 2


def test_errors_are_not_shown_and_nothing_is_shared():
    options = launch.launch_options()
    assert options["show_error"] is False and options["share"] is False and options["run_history"] is False
    assert all(font.stylesheet()["url"] is None for font in options["theme"]._font)


def test_importing_the_app_turns_telemetry_off():
    names = "GRADIO_ANALYTICS_ENABLED", "HF_HUB_DISABLE_TELEMETRY"
    code = f"import os, liverseg.app; print(*[os.environ[name] for name in {names}])"
    run = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True)
    assert run.stdout.split() == ["False", "1"]


def test_no_checkpoint_is_one_line_and_exit_1(tmp_path):
    (tmp_path / "empty").mkdir()
    environment = {**os.environ, "LIVERSEG_REGISTRY": str(tmp_path / "empty")}
    run = subprocess.run(
        [sys.executable, "app.py"], cwd=ROOT, env=environment, capture_output=True, text=True
    )
    assert run.returncode == 1
    assert len(run.stderr.strip().splitlines()) == 1 and "checkpoint" in run.stderr


def test_messages_of_pydicom_stay_out_of_the_log():
    script = """
import logging
from liverseg.app.launch import log_to_stderr
log_to_stderr()
import liverseg.io.dicom.dataset
try:
    raise ValueError("a frame is broken")
except ValueError as error:
    logging.getLogger("pydicom").exception(error)
logging.getLogger("liverseg.app").info("a visitor uploaded")
"""
    done = subprocess.run(
        [sys.executable, "-c", script], capture_output=True, text=True, cwd=ROOT, check=True
    )
    assert "a visitor uploaded" in done.stderr and "broken" not in done.stderr
