"""Example inputs of the page."""

from __future__ import annotations

import threading

from liverseg.app.examples import EXAMPLES, Examples
from liverseg.io.sniff import HEAD_BYTES, sniff


def test_an_example_is_generated_once_for_all_threads(tmp_path, monkeypatch):
    import liverseg.phantom

    made = []
    real = liverseg.phantom.make
    monkeypatch.setattr(
        "liverseg.phantom.make", lambda **arguments: made.append(arguments) or real(**arguments)
    )
    monkeypatch.setitem(EXAMPLES["dicom"].arguments, "size", 128)
    examples = Examples(tmp_path)
    threads = [threading.Thread(target=examples.path, args=("dicom",)) for _ in range(3)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(made) == 1
    path = examples.path("dicom")
    assert path.is_relative_to(tmp_path) and sniff(path.read_bytes()[:HEAD_BYTES]) == "dicom"


def test_every_example_names_its_format_and_a_phantom():
    for example in EXAMPLES.values():
        assert example.format in ("png", "nifti", "dicom")
        assert example.arguments["kind"] in ("slice", "volume") and "seed" in example.arguments
