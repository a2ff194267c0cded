"""From `python app.py` to a page that answers, and to the first segmentation, against a plain Gradio app.

The plain app is what a demonstration of a SegFormer usually is: it imports gradio, torch and transformers,
loads the model and serves one function. It gets the weights of the default checkpoint. Each start is a
process of its own; a client asks for the page until it answers, then sends a picture.
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
PATIENCE_S = 300.0
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
"""`python plain_app.py MODEL_FOLDER PORT`."""


@dataclass(frozen=True)
class Start:
    """Seconds from the start of the process."""

    page_s: float
    answer_s: float


def measure(context: Context) -> list[Row]:
    """The page and the first segmentation of both, in turn."""
    commands = _commands(context)
    picture = context.scratch / "slice.png"
    _write_picture(picture)
    kept = str(context.scratch / "kept")
    starts: dict[str, list[Start]] = {name: [] for name in (PLAIN, OURS, FIRST)}
    start(commands[OURS], picture, kept)  # files are read from the disk once, and ours is compiled
    start(commands[PLAIN], picture, kept)
    for number in range(1 if context.quick else 4):
        for name, found in starts.items():
            cache = str(context.scratch / f"new-{number}") if name == FIRST else kept
            found.append(start(commands[name], picture, cache))
            context.tell(f"{name}: {found[-1]}")
    rows = []
    for words, value in (
        ("a page that answers", lambda one: one.page_s),
        ("the first segmentation", lambda one: one.answer_s),
    ):
        rows.append(_row(words, starts, value))
    return rows


def _row(words: str, starts: dict[str, list[Start]], value: Callable[[Start], float]) -> Row:
    timings = Timings({name: [value(one) for one in found] for name, found in starts.items()})
    ratios = {}
    for name, goal in ((OURS, GOAL), (FIRST, None)):
        ratio = 1 / timings.times_faster(name, PLAIN)
        ratios[f"{name}, over the {PLAIN}"] = Ratio(ratio, goal, higher_is_better=False)
    note = "a first start ever finds no compiled network in LIVERSEG_CACHE, a later one does"
    return Row("cold", words, "s", timings.spreads(scale=1), ratios, note)


def start(command: Callable[[int], list[str]], picture: Path, cache: str) -> Start:
    """Start an app, wait for its page and for a segmentation, and end it."""
    client = need("gradio_client")
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    environment = {"LIVERSEG_CACHE": cache, "GRADIO_ANALYTICS_ENABLED": "False", "HF_HUB_OFFLINE": "1"}
    log = picture.with_name("app.log")
    began = time.perf_counter()
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
        page_s = time.perf_counter() - began
        client.Client(url, verbose=False).predict(client.handle_file(picture), api_name="/segment")
        return Start(page_s, time.perf_counter() - began)
    finally:
        process.terminate()
        process.wait(30)


def _wait_for(url: str, process: subprocess.Popen, log: Path) -> None:
    deadline = time.monotonic() + PATIENCE_S
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
    """How each app is started on a port. Raises `NotMeasured` where one is not there."""
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
    """The weights of the default checkpoint as transformers saves them."""
    from benchmarks.speed.networks import in_transformers, of_checkpoint
    from liverseg.inference.segmenter import find_checkpoint

    shutil.rmtree(folder, ignore_errors=True)
    in_transformers(of_checkpoint(find_checkpoint())).save_pretrained(folder)


def _write_picture(path: Path) -> None:
    from liverseg import phantom

    phantom.write(phantom.make("slice", seed=1), path, "png")
