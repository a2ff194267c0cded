"""A small dataset of discs for the tests of training."""

import json

import cv2
import numpy as np
import pytest

import liverseg.phantom
import train.export.card_picture
from tests.hub_standin.fixture import hub  # noqa: F401
from tests.phantoms import make
from train.data.dataset import DatasetFolder


def _write(folder, scans=3, slices=4, label_values=None, size=96, tumour_in=(0,)):
    """Write and open a dataset: a bright disc is liver, a darker one in it tumour; scan 2 is the val split.

    The first and last slice of each scan show no liver.
    """
    (folder / "images").mkdir(parents=True)
    (folder / "labels").mkdir()
    lines = ["slice,scan,index,split,tumour_px"]
    for scan in range(scans):
        for index in range(slices):
            name = f"s{scan}_{index}"
            grey, label = np.full((size, size), 20 + scan, np.uint8), np.zeros((size, size), np.uint8)
            if 0 < index < slices - 1:
                cv2.circle(label, (40, 48), 26, 1, -1)
                if scan in tumour_in:
                    cv2.circle(label, (44, 50), 7, 2, -1)
            grey[label == 1], grey[label == 2] = 160, 110
            cv2.imwrite(str(folder / "images" / f"{name}.png"), grey)
            cv2.imwrite(str(folder / "labels" / f"{name}.png"), label)
            lines.append(f"{name},{scan},{index},{'val' if scan == 2 else 'train'},{(label == 2).sum()}")
    (folder / "slices.csv").write_text("\n".join(lines) + "\n")
    about = {
        "name": "discs",
        "licence": "Apache-2.0",
        "citation": "none",
        "intensity": {"kind": "window", "center_hu": 60, "width_hu": 200, "bits": 8},
        "label_values": label_values or {"0": ["background"], "1": ["liver"], "2": ["tumour"]},
    }
    (folder / "dataset.json").write_text(json.dumps(about))
    return DatasetFolder.open(folder)


@pytest.fixture(scope="session", autouse=True)
def cached_phantoms():
    """Phantoms are cached: preparing, checking parity and drawing cards repeatedly need the same few."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(liverseg.phantom, "make", make)
        patch.setattr(train.export.card_picture, "make", make)
        yield


@pytest.fixture(scope="session")
def write_discs():
    """A function that writes a dataset of discs to a folder and opens it."""
    return _write


@pytest.fixture(scope="session", autouse=True)
def own_cache(tmp_path_factory):
    """Packed datasets of the tests stay out of the user's cache."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("LIVERSEG_CACHE", str(tmp_path_factory.mktemp("cache")))
        yield


@pytest.fixture
def discs(tmp_path):
    """A dataset of three scans with four slices each; scan 0 has a tumour."""
    return _write(tmp_path / "discs")
