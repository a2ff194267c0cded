"""The lesion model: fit, cut and quality, on candidates whose truth is known."""

from __future__ import annotations

import numpy as np
import pytest

from liverseg.core.lesion_model import FEATURES, LesionModel
from train.errors import TrainError
from train.lesions.fit import CUTS, SLICE_TERMS, VOLUME_TERMS, fit_lesion_model
from train.lesions.table import CandidateTable, outcome


def _table(seed: int = 0, scans: int = 12, each: int = 40) -> CandidateTable:
    """Candidates that are real with the probability sigmoid(logit(peak) + ln(slices) - 1)."""
    rng = np.random.default_rng(seed)
    n = scans * each
    features = {name: rng.uniform(0.05, 0.95, n) for name in FEATURES}
    features["slices"] = rng.integers(1, 8, n).astype(float)
    features["candidates"] = np.full(n, float(each))
    p = features["peak_probability"]
    z = np.log(p / (1 - p)) + np.log(features["slices"]) - 1
    real = rng.random(n) < 1 / (1 + np.exp(-z))
    scan = np.repeat([str(k) for k in range(scans)], each)
    real[scan == "0"] = False  # a scan without tumour
    references = tuple((str(scan[k]), (int(k),)) for k in np.flatnonzero(real))
    missed = (("1", ()), ("2", ()))
    return CandidateTable(
        features, real, scan, (*references, *missed), {str(k): str(k) for k in range(scans)}
    )


def test_the_features_that_decide_get_the_weights():
    fit = fit_lesion_model(_table(), VOLUME_TERMS)
    weight = {term.feature: term.coefficient / term.scale for term in fit.model.terms}
    assert weight["peak_probability"] == pytest.approx(1.0, abs=0.35)
    assert weight["slices"] == pytest.approx(1.0, abs=0.45)
    assert all(
        abs(term.coefficient) < 0.35
        for term in fit.model.terms
        if term.feature not in ("peak_probability", "slices")
    )
    assert fit.auc > 0.75
    for mean, share, n in fit.reliability:
        assert share == pytest.approx(mean, abs=3.5 * np.sqrt(0.25 / n) + 0.05)


def test_held_out_candidates_come_from_fits_that_have_not_seen_them():
    table = _table(scans=4)
    changed = CandidateTable(
        table.features,
        np.where(table.scan == "1", ~table.real, table.real),
        table.scan,
        table.references,
        table.groups,
    )
    a, b = (fit_lesion_model(t, {"peak_probability": "logit"}) for t in (table, changed))
    if a.penalty == b.penalty:
        rows = table.scan == "1"  # its own truth must not matter for its own prediction
        assert np.allclose(a.held_out[rows], b.held_out[rows])
        assert not np.allclose(a.held_out[~rows], b.held_out[~rows])


def test_operating_points_and_cut_are_those_of_held_out_candidates():
    table = _table()
    fit = fit_lesion_model(table, VOLUME_TERMS, least_precision=0.6)
    point = fit.model.at_cut(fit.model.cut)
    kept = fit.held_out >= fit.model.cut
    true = int((kept & table.real).sum())
    assert point.precision == pytest.approx(true / kept.sum(), abs=1e-4) and point.precision >= 0.6
    assert point.recall == pytest.approx(true / len(table.references), abs=1e-4)
    assert point.false_per_scan == pytest.approx((kept.sum() - true) / 12, abs=1e-4)
    assert [p.cut for p in fit.model.points] == list(CUTS)
    assert fit.at_cut.tumour_free_with_lesion == int(bool(kept[table.scan == "0"].any()))
    lower = [cut for cut in CUTS if cut < fit.model.cut]
    assert not lower or outcome(table, fit.held_out >= lower[-1]).precision < 0.6


def test_the_record_gives_the_model_back():
    table = _table()
    fit = fit_lesion_model(table, SLICE_TERMS)
    record = fit.record(table)
    again = LesionModel.from_dict(record)
    assert again == fit.model
    assert record["tumour_free_scans"] == 1 and record["scans"] == 12 and record["candidates"] == 480


def test_too_few_candidates_are_refused():
    with pytest.raises(TrainError, match="20 real and 20 false"):
        fit_lesion_model(_table(scans=1, each=30), VOLUME_TERMS)


def test_even_groups_count_a_scan_once_however_many_candidates_it_has():
    table = _table()
    often = np.concatenate([np.arange(len(table.real)), np.tile(np.flatnonzero(table.scan == "0"), 9)])
    repeated = CandidateTable(
        {name: values[often] for name, values in table.features.items()},
        table.real[often],
        table.scan[often],
        table.references,
        table.groups,
    )
    terms = {"peak_probability": "logit"}

    def mean_probability(table: CandidateTable, even_groups: bool) -> float:
        model = fit_lesion_model(table, terms, even_groups=even_groups).model
        return float(model.probabilities(_table().features).mean())

    once = mean_probability(table, True)
    assert once == pytest.approx(table.real.mean(), abs=0.02)
    assert mean_probability(repeated, True) == pytest.approx(once, abs=0.02)
    assert mean_probability(repeated, False) < once - 0.1  # scan 0 has no real candidate


def test_candidates_in_too_few_slices_are_never_kept():
    table = _table()
    fit = fit_lesion_model(table, VOLUME_TERMS, least_slices=3)
    long = table.features["slices"] >= 3
    assert fit.model.least_slices == fit.record(table)["least_slices"] == 3
    for point in fit.model.points:
        kept = (fit.held_out >= point.cut) & long
        assert point.false_per_scan == pytest.approx((kept & ~table.real).sum() / 12, abs=1e-4)
    assert np.array_equal(fit.held_out, fit_lesion_model(table, VOLUME_TERMS).held_out)
