"""The card's section on volumes and lesions."""

from registry.card.card import model_card
from registry.card.lesions import lesion_sections
from tests.registry.sample_checkpoint import manifest_for

RULES = {
    "search": {"working_size": 256, "margin": 0.047, "scale": 1.0},
    "smoothing": {"sigma_mm": 2.1, "sigma_slices": 0.85},
    "hysteresis": {"seed_probability": 0.6},
}
VOLUME = {
    "intercept": -1.0,
    "terms": [{"feature": "slices", "transform": "log", "centre": 0.0, "scale": 1.0, "coefficient": 1.0}],
    "cut": 0.42,
    "operating_points": [
        {"cut": 0.1, "recall": 0.8, "precision": 0.3, "false_per_scan": 4.5},
        {"cut": 0.42, "recall": 0.55, "precision": 0.61, "false_per_scan": 0.8},
        {"cut": 0.9, "recall": 0.1, "precision": None, "false_per_scan": 0.0},
    ],
    "auc": 0.8312,
    "reliability": [{"mean_probability": 0.11, "share_real": 0.09, "candidates": 1200}],
    "candidates": 1400,
    "real": 210,
    "tumour_free_scans": 4,
    "tumour_free_with_likely_lesion": 1,
}
MODEL = {"method": "logistic regression", "fitted_on": "5 folds of 29 scans", "volume": VOLUME}


def _with(**extra):
    return manifest_for(extra=extra)


def test_a_checkpoint_without_rules_has_no_section():
    assert list(lesion_sections(manifest_for())) == []
    assert "Volumes and lesions" not in model_card(manifest_for())


def test_every_rule_is_stated_with_its_value():
    text = "\n".join(lesion_sections(_with(volume_rules=RULES)))
    for value in ("256 px", "4.7%", "2.1 mm", "0.85 slices", "0.6 are counted, not listed"):
        assert value in text


def test_the_model_states_its_cut_quality_and_tumour_free_scans():
    text = model_card(_with(lesion_model=MODEL))
    assert "the default cut is 0.42" in text and "1,400 candidates, 210 of them real; AUC 0.831" in text
    assert "Of 4 scans without tumour, 1 keep a likely lesion." in text
    assert "| 0.1 | 80.0% | 30.0% | 4.50 |" in text and "| 0.9 | 10.0% | – | 0.00 |" in text
    assert "| 0.42 |" not in text  # the table has round cuts only
    assert "0.11: 0.09 of 1,200" in text and "5 folds of 29 scans" in text
