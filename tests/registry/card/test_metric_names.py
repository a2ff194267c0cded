"""The names of metrics on a model card, and the values behind them."""

from __future__ import annotations

import pytest

from registry.card.card import model_card
from registry.card.metric_names import METRIC_NAMES, metric_values
from registry.registries import BUNDLED, open_registries
from tests.registry.sample_checkpoint import manifest_for


def test_no_two_metrics_have_the_same_name() -> None:
    assert len(set(METRIC_NAMES.values())) == len(METRIC_NAMES) > 30


def test_surface_distances_are_named_with_their_unit() -> None:
    assert METRIC_NAMES["assd_mm"] == "average symmetric surface distance, mm"
    assert METRIC_NAMES["hd95_2d_px"] == "95 % Hausdorff distance, pixels in slices"
    assert METRIC_NAMES["surface_dice_2d_mm"] == "surface Dice within 2, mm in slices"


def test_every_value_is_listed_with_its_metric_and_class() -> None:
    liver, tumour = {"value": 0.9, "n": 5}, {"value": None, "n": 0}
    entry = {"values": {"voe": {"liver": liver, "tumour": tumour}, "rvd": {"liver": liver}, "hd95_mm": {}}}
    assert list(metric_values(entry)) == [
        ("voe", "liver", liver), ("voe", "tumour", tumour), ("rvd", "liver", liver)
    ]  # fmt: skip


def test_the_metrics_of_the_bundled_checkpoints_have_names() -> None:
    checkpoints = open_registries(BUNDLED).list()
    metrics = {
        metric
        for checkpoint in checkpoints
        for entry in checkpoint.manifest.metrics
        for metric, _, _ in metric_values(entry)
    }
    assert "dice_global" in metrics and metrics <= set(METRIC_NAMES)


@pytest.mark.parametrize(("metric", "name"), [("burden_rmse", METRIC_NAMES["burden_rmse"]), ("new", "new")])
def test_a_card_shows_the_name_or_the_metric_itself(metric: str, name: str) -> None:
    values = {metric: {"tumour": {"value": 0.125, "n": 7}}}
    entry = {"dataset": "LiTS", "split": "val", "protocol": "p", "values": values}
    text = model_card(manifest_for(metrics=[entry]))
    assert f"| {name} | tumour | 0.125 | 7 |" in text
