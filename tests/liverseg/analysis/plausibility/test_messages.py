"""Sentences of the plausibility checks."""

from __future__ import annotations

from liverseg.analysis.plausibility.ct_likeness import GOOD, load_likeness_model
from liverseg.analysis.plausibility.messages import CHECK, DO_NOT_TRUST, DOUBT_SENTENCES, make_doubt


def test_every_kind_of_the_likeness_model_has_a_sentence():
    assert set(load_likeness_model().kinds) - {GOOD} <= set(DOUBT_SENTENCES)


def test_the_warning_starts_with_the_severity_and_holds_the_values():
    severe = make_doubt(DO_NOT_TRUST, "no liver")
    assert severe.warning == f"Do not trust this result: {severe.sentence}"
    thick = make_doubt(CHECK, "thickness", distance=9.5, limit=8.0)
    assert thick.warning.startswith("Check: The slices are 9.5 mm apart, above the supported 8 mm.")
