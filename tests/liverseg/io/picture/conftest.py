"""A grey slice and a writer of picture files."""

from __future__ import annotations

import pytest

from liverseg.core.window import DEFAULT_WINDOW, to_grey


@pytest.fixture
def grey(synthetic_hu):
    """Grey (H, W) uint8 of the synthetic slice in the default window."""
    return to_grey(synthetic_hu(), DEFAULT_WINDOW)


@pytest.fixture
def save(tmp_path):
    """Save a Pillow image; returns the path."""

    def write(image, name="a.png", **options):
        path = tmp_path / name
        image.save(path, **options)
        return path

    return write
