from __future__ import annotations

import pytest

from registry.card.card import model_card
from registry.card.check import check_hub_card
from registry.errors import PushRefused
from tests.registry.sample_checkpoint import manifest_for


def test_a_generated_card_passes_with_and_without_metrics() -> None:
    for manifest in (manifest_for(), manifest_for(metrics=[])):
        check_hub_card(model_card(manifest), manifest)


@pytest.mark.parametrize(
    ("old", "new", "fault"),
    [
        ("---\n", "", "has no front matter"),
        ("license: cc-by-nc-sa-4.0\n", "", "names no license"),
        ("- liverseg\n", "", "tag liverseg"),
        ("library_name: liverseg\n", "", "library_name"),
        ("image-segmentation\ntags", "other\ntags", "pipeline_tag"),
        ("model-index:", "index:", "no model-index"),
        ("value: 0.9241", "value: high", "without numbers"),
        ("    dataset:\n      type: lits\n", "    dataset:\n", "incomplete model-index"),
    ],
)
def test_a_faulty_card_is_refused_with_its_fault(old: str, new: str, fault: str) -> None:
    card = model_card(manifest_for())
    assert old in card
    with pytest.raises(PushRefused, match=fault):
        check_hub_card(card.replace(old, new), manifest_for())
