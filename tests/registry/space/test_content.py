"""The page on a Space of the Hub, over HTTP: what is sent, and what the Hub is told."""

from __future__ import annotations

import pytest

from registry import PushRefused
from registry.space.content import HARDWARE, space_content


def test_a_readme_without_front_matter_is_refused() -> None:
    files = {"README.md": b"# x\n", "requirements.txt": b"gradio==6.0.0\n", "constraints.txt": b""}
    with pytest.raises(PushRefused, match="front matter"):
        space_content(files, HARDWARE["cpu-basic"], [], [])
