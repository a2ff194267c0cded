"""The time from `python app.py` to its page and to the first segmentation, against a plain Gradio app.

The plain app is a usual demonstration of a SegFormer: it imports gradio, torch and transformers, loads the
model and serves one function. It has the weights of the default checkpoint. Each start is a new process; a
client requests the page until it is served, then sends a picture.
"""

from __future__ import annotations

import os
import shutil
import socket
import subprocess
import sys
import time
import urllib.request
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from benchmarks.speed.peers import need
from benchmarks.speed.rows import NotMeasured, Ratio, Row
from benchmarks.speed.sections import Context
from benchmarks.speed.timing import Timings

GOAL = 0.6
START_LIMIT_S = 300.0
OURS, FIRST, PLAIN = "liverseg", "liverseg, first start ever", "plain Gradio app with transformers"

PLAIN_APP = """
import sys

import gradio as gr
import numpy as np
import torch
from transformers import SegformerForSemanticSegmentation

model = SegformerForSemanticSegmentation.from_pretrained(sys.argv[1]).eval()
MEAN, STD = np.float32([0.485, 0.456, 0.406]), np.float32([0.229, 0.224, 0.225])


def segment(image):
    unit = (image.astype(np.float32) / 255 - MEAN) / STD
    with torch.inference_mode():
        logits = model(pixel_values=torch.from_numpy(unit).permute(2, 0, 1)[None]).logits
        logits = torch.nn.functional.interpolate(logits, size=image.shape[:2], mode="bilinear")
    labels = logits.argmax(dim=1)[0].numpy()
    image[labels == 1] //= 2
    image[labels == 2, 0] = 255
    return image


page = gr.Interface(segment, gr.Image(), gr.Image(), api_name="segment")
page.launch(server_port=int(sys.argv[2]), quiet=True)
"""
"""The plain app: `python plain_app.py MODEL_FOLDER PORT`."""


@dataclass(frozen=True)
class Start:
    """Seconds from the start of the process to the page and to the answer of the first request."""

    page_s: float
    answer_s: float


def measure(context: Context) -> list[Row]:
    """Start both apps in turn, and `app.py` also with an empty cache."""
    commands = _commands(context)
    picture = context.scratch / "slice.png"
    _write_picture(picture)
    cache = str(context.scratch / "kept")
    starts: dict[str, list[Start]] = {name: [] for name in (PLAIN, OURS, FIRST)}
    start(commands[OURS], picture, cache)  # warms the disk cache and compiles the network
    start(commands[PLAIN], picture, cache)
    for number in range(1 if context.quick else 4):
        for name, times in starts.items():
            new_cache = str(context.scratch / f"new-{number}")
            times.append(start(commands[name], picture, new_cache if name == FIRST else cache))
            context.tell(f"{name}: {times[-1]}")
    rows = []
    for title, value in (
        ("a page that answers", lambda one: one.page_s),
        ("the first segmentation", lambda one: one.answer_s),
    ):
        rows.append(_row(title, starts, value))
    return rows


def _row(title: str, starts: dict[str, list[Start]], value: Callable[[Start], float]) -> Row:
    timings = Timings({name: [value(one) for one in times] for name, times in starts.items()})
    ratios = {}
    for name, goal in ((OURS, GOAL), (FIRST, None)):
        ratio = 1 / timings.times_faster(name, PLAIN)
        ratios[f"{name}, over the {PLAIN}"] = Ratio(ratio, goal, higher_is_better=False)
    note = "a first start ever finds no compiled network in LIVERSEG_CACHE, a later one does"
    return Row("cold", title, "s", timings.spreads(scale=1), ratios, note)


def start(command: Callable[[int], list[str]], picture: Path, cache: str) -> Start:
    """Start an app, wait for its page and for a segmentation, and stop it. Raises `NotMeasured`."""
    client = need("gradio_client")
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    environment = {"LIVERSEG_CACHE": cache, "GRADIO_ANALYTICS_ENABLED": "False", "HF_HUB_OFFLINE": "1"}
    log = picture.with_name("app.log")
    started = time.perf_counter()
    with log.open("w") as out:
        process = subprocess.Popen(
            command(port),
            env={**os.environ, **environment},
            stdin=subprocess.DEVNULL,
            stdout=out,
            stderr=subprocess.STDOUT,
        )
    try:
        url = f"http://127.0.0.1:{port}/"
        _wait_for(url, process, log)
        page_s = time.perf_counter() - started
        client.Client(url, verbose=False).predict(client.handle_file(picture), api_name="/segment")
        return Start(page_s, time.perf_counter() - started)
    finally:
        process.terminate()
        process.wait(30)


def _wait_for(url: str, process: subprocess.Popen, log: Path) -> None:
    deadline = time.monotonic() + START_LIMIT_S
    while time.monotonic() < deadline and process.poll() is None:
        try:
            with urllib.request.urlopen(url, timeout=30) as answer:
                answer.read()
                return
        except OSError:
            time.sleep(0.02)
    last = log.read_text(errors="replace").strip().splitlines()[-1:]
    raise NotMeasured(f"the app did not serve its page: {' '.join(last)}")


def _commands(context: Context) -> dict[str, Callable[[int], list[str]]]:
    """The command line of each app for a port. Raises `NotMeasured` where `app.py` is missing."""
    app = Path(__file__).parents[2] / "app.py"
    if not app.is_file():
        raise NotMeasured("app.py is only in the repository, not in an installed package")
    script, model = context.scratch / "plain_app.py", context.scratch / "model"
    script.write_text(PLAIN_APP, encoding="utf-8")
    _save_model(model)

    def ours(port: int) -> list[str]:
        return [sys.executable, str(app), "--port", str(port)]

    def plain(port: int) -> list[str]:
        return [sys.executable, str(script), str(model), str(port)]

    return {OURS: ours, FIRST: ours, PLAIN: plain}


def _save_model(folder: Path) -> None:
    """Save the weights of the default checkpoint in the format of transformers."""
    from benchmarks.speed.networks import in_transformers, of_checkpoint
    from liverseg.inference.segmenter import find_checkpoint

    shutil.rmtree(folder, ignore_errors=True)
    in_transformers(of_checkpoint(find_checkpoint())).save_pretrained(folder)


def _write_picture(path: Path) -> None:
    from liverseg import phantom

    phantom.write(phantom.make("slice", seed=1), path, "png")
