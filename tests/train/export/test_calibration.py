"""Calibration at export: what is fitted, what it is worth, and that the archive computes it."""

import dataclasses
import json
import math

import numpy as np
import pytest
import torch
from torch import nn

from liverseg.analysis.metrics.calibration import reliability
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
    CENTRES,
    CURVE_THRESHOLDS,
    IDENTITY,
    NO_COUNTS,
    Calibration,
    CalibrationQuality,
    TumourCounts,
    fit_calibration,
    fit_platt,
    precision_recall_curve,
    tumour_counts,
)
from train.export.torchscript import script, with_calibration
from train.models import build
from train.models.graph import CalibratedTumour

TRUE = Calibration(0.6, -1.2)
"""What the tumour probability of `counts_of` would have to become."""


def counts_of(seed: int, truth: Calibration = TRUE, pixels: int = 400_000) -> TumourCounts:
    """A scan whose pixels are tumour as often as `truth` of the network's own probability says."""
    rng = np.random.default_rng(seed)
    places = np.clip(rng.normal(320, 90, pixels).astype(int), 0, len(CENTRES) - 1)
    tumour = rng.random(pixels) < truth.of_logits(CENTRES[places])
    both = np.bincount(2 * places + tumour, minlength=2 * len(CENTRES)).reshape(-1, 2)
    return TumourCounts(both, both)


def test_the_fit_finds_the_map_that_made_the_pixels():
    found = fit_platt(counts_of(0).in_liver)
    assert found.slope == pytest.approx(TRUE.slope, abs=0.01)
    assert found.shift == pytest.approx(TRUE.shift, abs=0.02)


def test_worth_is_that_of_the_pixels_themselves():
    rng = np.random.default_rng(1)
    logits = CENTRES[rng.integers(0, len(CENTRES), 3000)]
    p = IDENTITY.of_logits(logits)
    tumour = rng.random(3000) < 0.5
    places = np.searchsorted(CENTRES, logits - 1e-9)
    counts = np.bincount(2 * places + tumour, minlength=2 * len(CENTRES)).reshape(-1, 2)
    found, plain = CalibrationQuality.of(IDENTITY.of_logits(CENTRES), counts), reliability(p, tumour)
    assert found.ece == pytest.approx(plain.error, abs=1e-9)
    assert found.brier == pytest.approx(plain.brier, abs=1e-9)
    told = reliability(p[p >= 0.01], tumour[p >= 0.01])
    assert found.ece_from_1_percent == pytest.approx(told.error, abs=1e-9)


def test_scans_alike_gain_by_the_map_also_when_left_out():
    found = fit_calibration({str(k): counts_of(k) for k in range(3)})
    assert found.chosen != IDENTITY and found.scans == 3 and not found.reason
    assert found.after.ece < 0.3 * found.before.ece and found.cross_fitted.ece < 0.5 * found.before.ece
    assert found.after.log_loss <= found.cross_fitted.log_loss < found.before.log_loss


def test_a_map_that_hurts_the_scan_left_out_is_not_taken():
    unlike = {"1": counts_of(1, Calibration(1.0, 3.0)), "2": counts_of(2, Calibration(1.0, -3.0))}
    found = fit_calibration(unlike)
    assert found.chosen == IDENTITY and "scan left out" in found.reason
    assert found.after is None and found.cross_fitted.ece > found.before.ece


@pytest.mark.parametrize("scans", [{}, {"1": NO_COUNTS}, {"1": counts_of(0, Calibration(1.0, -16.0), 500)}])
def test_too_little_tumour_leaves_the_probability_alone(scans):
    found = fit_calibration(scans)
    assert found.chosen == IDENTITY and "too little" in found.reason


def test_the_curve_counts_what_a_threshold_calls_tumour():
    scan, calibration = counts_of(3), Calibration(0.7, -0.9)
    points = precision_recall_curve({"3": scan}, calibration)
    p, counts = calibration.of_logits(CENTRES), scan.everywhere
    assert points["threshold"] == list(CURVE_THRESHOLDS)
    for t, hit, right in zip(*points.values(), strict=True):
        called = counts[p >= t].sum(axis=0)
        assert hit == pytest.approx(called[1] / counts[:, 1].sum(), abs=0.02)
        assert right == pytest.approx(called[1] / called.sum(), abs=0.02)
    assert precision_recall_curve({"0": NO_COUNTS}, IDENTITY)["precision"] == [None] * len(CURVE_THRESHOLDS)


class Fixed(nn.Module):
    """Tumour rises with the HU alone, from 0 at -1000 to 1 at 1000; liver is two fifths of the rest."""

    def forward(self, hu: torch.Tensor) -> torch.Tensor:
        tumour = ((hu[:, 0:1] / 1000.0) * 9.0).sigmoid()
        rest = 1.0 - tumour
        return torch.cat([rest * 0.6, rest * 0.4, tumour], dim=1)


@pytest.mark.parametrize(
    "calibration", [Calibration(0.6, -1.2), Calibration(1.7, 0.8), Calibration(1.0, 0.0)]
)
def test_both_engines_compute_the_map_and_no_label_moves(calibration):
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
    """Discs with a tumour in every scan, and a network that is far too sure of what is bright."""

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


def test_tuned_records_what_the_archive_and_the_card_need(bright):
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


def test_a_manifest_keeps_a_calibration_and_a_curve_and_refuses_what_is_none():
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


def test_a_probability_of_nought_and_of_one_stay_finite():
    module = CalibratedTumour(nn.Identity(), 1.3, -0.4)
    ends = torch.tensor([[1.0, 0.0, 0.0], [0.0, 0.0, 1.0], [0.0, 1.0, 0.0]]).reshape(3, 3, 1, 1)
    found = module(ends)
    assert torch.isfinite(found).all() and torch.allclose(found.sum(1), torch.ones(3, 1, 1), atol=1e-6)
    assert found[1, 2] > 0.999 and found[0, 2] < 1e-6 and found[2, 1] > 0.999
    assert math.isclose(Calibration(1.3, -0.4)(0.0), 0.0, abs_tol=1e-9)


def test_a_calibrated_archive_runs_in_openvino_as_in_torch():
    network = build("segformer-b0", decoder_width=32).eval()
    spec = InputSpec("slices", 1, (WindowSpec(60.0, 200.0),), 96)
    module = with_calibration(script(network.for_inference(), spec), 0.6, -0.8)
    hu = 80 * torch.randn(1, 1, 96, 128)
    expected = CalibratedTumour(script(network.for_inference(), spec), 0.6, -0.8)(hu)
    assert torch.equal(module(hu), expected)
    found = OpenVINOEngine(archive(module, "{}"), 1).run(hu.numpy())
    assert np.abs(found - expected.detach().numpy()).max() < 1e-4
