"""Calibration of a network at export, in both engines and in the manifest."""

from __future__ import annotations

import dataclasses
import json
import math

import numpy as np
import pytest
import torch
from torch import nn

from liverseg.core.labels import labels_from_probabilities
from liverseg.inference.engines import load
from liverseg.inference.engines.openvino_engine import OpenVINOEngine
from registry import InputSpec, WindowSpec
from registry.card.calibration import calibration_sections
from registry.errors import ManifestInvalid
from registry.manifest import Manifest
from tests.registry.sample_checkpoint import manifest_for
from train.evaluation.predict import predictor
from train.evaluation.scans import LoadedSplit
from train.export.archive import archive
from train.export.calibrate import calibrate_network, calibrated_threshold
from train.export.calibration import (
    Calibration,
    tumour_counts,
)
from train.export.torchscript import script, with_calibration
from train.models import build
from train.models.graph import CalibratedTumour


class Fixed(nn.Module):
    """A graph whose tumour probability rises with the HU; the liver has 40 % of the rest."""

    def forward(self, hu: torch.Tensor) -> torch.Tensor:
        tumour = ((hu[:, 0:1] / 1000.0) * 9.0).sigmoid()
        rest = 1.0 - tumour
        return torch.cat([rest * 0.6, rest * 0.4, tumour], dim=1)


@pytest.mark.parametrize(
    "calibration", [Calibration(0.6, -1.2), Calibration(1.7, 0.8), Calibration(1.0, 0.0)]
)
def test_both_engines_compute_the_calibration_without_changing_labels(calibration):
    slope, shift = calibration.slope, calibration.shift
    hu = np.linspace(-1000, 1000, 64 * 80, dtype=np.float32).reshape(1, 1, 64, 80)
    own = Fixed()(torch.from_numpy(hu)).numpy()[0]
    module = torch.jit.script(CalibratedTumour(torch.jit.script(Fixed()), slope, shift))
    data = archive(module, "{}")
    for engine in ("torch", "openvino"):
        found = load(data, 1, engine).run(hu)[0]
        assert np.allclose(found.sum(axis=0), 1, atol=1e-6) and found.min() >= 0 and found.max() <= 1
        expected = [calibration(float(p)) for p in own[2].ravel()[::97]]
        assert np.allclose(found[2].ravel()[::97], expected, atol=2e-4)
        assert np.all(np.diff(found[2].ravel()) >= -1e-6)
        before = labels_from_probabilities(own[1] + own[2], own[2], 0.5)
        after = labels_from_probabilities(found[1] + found[2], found[2], calibration(0.5))
        assert (before == after).mean() > 0.999 if shift <= 0 else (before == after)[own[2] >= 0.5].all()


@pytest.fixture(scope="module")
def bright(write_discs, tmp_path_factory):
    """Discs with a tumour in every scan, and a network with overconfident tumour probabilities."""

    class Bright(nn.Module):
        def forward(self, hu: torch.Tensor) -> torch.Tensor:
            bright = (hu[:, 0:1] > 20.0).float()
            waves = torch.cos(torch.arange(hu.shape[2] * hu.shape[3]).reshape(hu[:1, 0:1].shape) * 0.7)
            tumour = torch.sigmoid(6.0 * waves + 4.0 * (hu[:, 0:1] < 60.0).float() - 2.0) * bright
            liver = bright * (1.0 - tumour)
            return torch.cat([1.0 - liver - tumour, liver, tumour], dim=1)

    folder = write_discs(tmp_path_factory.mktemp("bright") / "discs", scans=3, tumour_in=(0, 1, 2))
    rows = tuple(dataclasses.replace(row, split="val") for row in folder.rows)
    return dataclasses.replace(folder, rows=rows).load("val"), torch.jit.script(Bright())


def test_calibrate_network_records_its_fit_for_manifest_and_card(bright):
    slices, module = bright
    counts = tumour_counts(slices, predictor(module), 1)
    assert sorted(counts) == ["0", "1", "2"] and all(c.in_liver.sum() > 1000 for c in counts.values())
    plain = calibrate_network(module, module, LoadedSplit(slices, "val"), 1, 0.5, wanted=False)
    assert plain.module is module and plain.threshold == 0.5 and plain.record()["method"] == "none"
    found = calibrate_network(module, module, LoadedSplit(slices, "val"), 1, 0.5)
    chosen = found.fit.chosen
    assert found.threshold == calibrated_threshold(0.5, chosen) == pytest.approx(chosen(0.5), abs=0.0005)
    assert found.record() | {"region": ""} == {
        "method": "platt",
        "slope": chosen.slope,
        "shift": chosen.shift,
        "own_threshold": 0.5,
        "dataset": "discs",
        "split": "val",
        "scans": 3,
        "region": "",
    }
    values = found.values()
    assert values["ece_in_liver_uncalibrated"]["tumour"]["n"] == 3
    assert values["brier_in_liver_cross_fitted"]["tumour"]["value"] > 0
    entry = {"dataset": "discs", "split": "val", "protocol": "p", "curve": found.curve}
    entry["values"] = {"ece_in_liver": {"tumour": {"value": 0.01, "n": 3}}} | values
    manifest = manifest_for(metrics=[entry], extra={"calibration": found.record()})
    text = "\n".join(calibration_sections(manifest))
    assert f"slope {chosen.slope:.3f}" in text and "each scan calibrated on the others alone" in text
    assert "| 0.5 | " in text
    assert list(calibration_sections(manifest_for())) == []


def test_a_manifest_keeps_calibration_and_curve_and_refuses_invalid_ones():
    points = {"threshold": [0.1, 0.5], "sensitivity": [0.9, 0.5], "precision": [0.2, None]}
    record = {"method": "platt", "slope": 0.7, "shift": -1.0, "dataset": "d", "split": "val", "scans": 5}
    entry = {"dataset": "d", "split": "val", "protocol": "p", "values": {}, "curve": points}
    files = {"model.pt": {"sha256": "0" * 64, "bytes": 1}}

    def read(curve: dict, calibration: dict) -> Manifest:
        manifest = manifest_for(metrics=[entry | {"curve": curve}], extra={"calibration": calibration})
        return Manifest.from_json(json.dumps(manifest.to_dict() | {"files": files}))

    assert read(points, record).extra["calibration"] == record
    wrong = [
        (points | {"precision": [0.1]}, record),
        (points | {"threshold": [0.5, 0.1]}, record),
        (points | {"sensitivity": [0.1, 1.1]}, record),
        ({"threshold": [0.1, 0.5]}, record),
        (points, record | {"slope": 0}),
        (points, record | {"method": "isotonic"}),
        (points, {"method": "platt"}),
    ]
    for curve_, calibration in wrong:
        with pytest.raises(ManifestInvalid):
            read(curve_, calibration)


def test_calibration_of_probabilities_0_and_1_is_finite():
    module = CalibratedTumour(nn.Identity(), 1.3, -0.4)
    ends = torch.tensor([[1.0, 0.0, 0.0], [0.0, 0.0, 1.0], [0.0, 1.0, 0.0]]).reshape(3, 3, 1, 1)
    found = module(ends)
    assert torch.isfinite(found).all() and torch.allclose(found.sum(1), torch.ones(3, 1, 1), atol=1e-6)
    assert found[1, 2] > 0.999 and found[0, 2] < 1e-6 and found[2, 1] > 0.999
    assert math.isclose(Calibration(1.3, -0.4)(0.0), 0.0, abs_tol=1e-9)


def test_a_calibrated_archive_gives_the_same_result_in_openvino_and_torch():
    network = build("segformer-b0", decoder_width=32).eval()
    spec = InputSpec("slices", 1, (WindowSpec(60.0, 200.0),), 96)
    module = with_calibration(script(network.for_inference(), spec), 0.6, -0.8)
    hu = 80 * torch.randn(1, 1, 96, 128)
    expected = CalibratedTumour(script(network.for_inference(), spec), 0.6, -0.8)(hu)
    assert torch.equal(module(hu), expected)
    found = OpenVINOEngine(archive(module, "{}"), 1).run(hu.numpy())
    assert np.abs(found - expected.detach().numpy()).max() < 1e-4


def test_a_calibration_out_of_fold_is_applied_and_recorded_with_its_facts(bright):
    slices, module = bright
    record = {
        "dataset": "lits-26, lits-wide",
        "scans": 29,
        "slope": 0.5,
        "shift": -1.0,
        "prevalence": 0.02,
        "cross_fitted": {"ece": 0.01},
    }
    calibrated = calibrate_network(module, module, LoadedSplit(slices, "val"), 1, 0.5, record)
    assert calibrated.fit.chosen == Calibration(0.5, -1.0)
    assert calibrated.threshold == calibrated_threshold(0.5, Calibration(0.5, -1.0)) == 0.269
    written = calibrated.record()
    assert (written["dataset"], written["split"], written["scans"]) == (
        "lits-26, lits-wide",
        "cross-validation",
        29,
    )
    assert written["prevalence"] == 0.02 and written["cross_fitted"] == {"ece": 0.01}
    assert calibrated.values() == {}  # nothing was fitted to the split, so nothing was measured on it
