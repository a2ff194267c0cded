"""Small inputs and checkpoints for the tests of the page."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import cv2
import nibabel
import numpy as np
import pytest
import SimpleITK

from liverseg.app.examples import Examples
from liverseg.app.page.actions import Actions
from liverseg.app.state import session
from liverseg.app.state.checkpoints import Checkpoints
from liverseg.app.state.session import PageAnalysis
from liverseg.core.window import DEFAULT_WINDOW, to_grey
from registry import open_registries
from tests.app_process import AppProcess
from tests.hub_standin.fixture import hub  # noqa: F401
from tests.liverseg.app.rule_checkpoints import slice_hu, write_registry

TUMOUR_RADII = (0, 6, 8, 4)  # pixels, slice by slice of the volume


@pytest.fixture(scope="session")
def registry_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_registry(tmp_path_factory.mktemp("checkpoints"))


@pytest.fixture(scope="session")
def checkpoints(registry_folder: Path) -> Checkpoints:
    return Checkpoints(open_registries(str(registry_folder)), engine="torch")


@pytest.fixture(scope="session")
def examples(tmp_path_factory: pytest.TempPathFactory) -> Examples:
    return Examples(tmp_path_factory.mktemp("examples"))


@pytest.fixture
def actions(checkpoints: Checkpoints, examples: Examples) -> Actions:
    return Actions(checkpoints, examples)


@pytest.fixture
def runs(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The checkpoint of every network run."""
    seen: list[str] = []
    analyse = session.analyse_upload

    def counted(sources, ct, segmenter, **options):
        seen.append(segmenter.checkpoint.ref)
        return analyse(sources, ct, segmenter, **options)

    monkeypatch.setattr(session, "analyse_upload", counted)
    return seen


@pytest.fixture(scope="session")
def png(tmp_path_factory: pytest.TempPathFactory) -> str:
    path = tmp_path_factory.mktemp("inputs") / "MUSTERMANN_ERIKA.png"
    cv2.imwrite(str(path), to_grey(slice_hu(8), DEFAULT_WINDOW))
    return str(path)


@pytest.fixture(scope="session")
def nifti(tmp_path_factory: pytest.TempPathFactory) -> str:
    """Four slices of 0.8 × 0.8 mm, 5 mm apart; the third shows most tumour."""
    path = tmp_path_factory.mktemp("inputs") / "MUSTERMANN_ERIKA.nii.gz"
    hu = np.stack([slice_hu(radius) for radius in TUMOUR_RADII])  # (S, H, W)
    affine = np.diag([-0.8, -0.8, 5.0, 1.0])
    nibabel.save(nibabel.Nifti1Image(hu.transpose(2, 1, 0).astype(np.int16), affine), path)
    return str(path)


@pytest.fixture(scope="session")
def other_volumes(tmp_path_factory: pytest.TempPathFactory, nifti: str) -> dict[str, list[str]]:
    """The volume of `nifti` as NRRD and MetaImage, by ending; header and data file in two folders."""
    folder = tmp_path_factory.mktemp("inputs")
    image = SimpleITK.ReadImage(nifti)
    paths = {}
    for ending in ("nrrd", "mha", "mhd"):
        path = folder / f"MUSTERMANN_ERIKA.{ending}"
        SimpleITK.WriteImage(image, str(path))
        paths[ending] = [str(path)]
    moved = folder.parent / "MUSTERMANN_ERIKA.raw"
    (folder / moved.name).rename(moved)
    paths["mhd"].append(str(moved))
    return paths


@pytest.fixture(scope="session")
def volume_analysis(checkpoints: Checkpoints, nifti: str) -> PageAnalysis:
    """The result of the default checkpoint on the volume."""
    ct = session.read_input([nifti], DEFAULT_WINDOW)
    return session.analyse_upload([nifti], ct, checkpoints.segmenter(None))


@pytest.fixture(scope="session")
def picture_analysis(checkpoints: Checkpoints, png: str) -> PageAnalysis:
    """The result of the default checkpoint on the picture."""
    ct = session.read_input([png], DEFAULT_WINDOW)
    return session.analyse_upload([png], ct, checkpoints.segmenter(None))


@pytest.fixture(scope="session")
def text_file(tmp_path_factory: pytest.TempPathFactory) -> str:
    path = tmp_path_factory.mktemp("inputs") / "MUSTERMANN_ERIKA_text.png"
    path.write_text("This is not a picture.")
    return str(path)


@pytest.fixture(scope="session")
def served(registry_folder: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[AppProcess]:
    """The app with both checkpoints and with its tools for MCP clients, in a process of its own."""
    log = tmp_path_factory.mktemp("served") / "log"
    with AppProcess(log, LIVERSEG_REGISTRY=str(registry_folder), LIVERSEG_MCP="1") as app:
        yield app
