from __future__ import annotations

import re

from registry import InputSpec, WindowSpec
from registry.card.card import model_card
from registry.card.front_matter import split_front_matter
from tests.registry.sample_checkpoint import manifest_for


def test_the_text_has_numbers_protocol_usage_training_limits_and_licence() -> None:
    _, text = split_front_matter(model_card(manifest_for()))
    assert "| Dice, pooled over all slices | tumour | 0.285 (95 % interval 0.200 to 0.370) | 4 |" in text
    assert "LiTS, val: all slices of 5 scans at 512 x 512" in text
    assert 'liverseg.Segmenter.load("tiny@1.0.0")' in text
    assert "| LiTS | 1800 | CC-BY-NC-SA-4.0 | Bilic et al. 2023 |" in text
    assert "41600 samples seen" in text and "seed 1" in text and "`0123abc`" in text
    assert "below -160 HU and above 240 HU" in text
    assert "research use only" in text
    assert "licensed under CC-BY-NC-SA-4.0" in text


def test_the_usage_snippet_is_valid_python() -> None:
    _, text = split_front_matter(model_card(manifest_for()))
    compile(re.search(r"```python\n(.*?)```", text, re.DOTALL).group(1), "card", "exec")


def test_unmeasured_values_are_not_on_the_card() -> None:
    front, text = split_front_matter(model_card(manifest_for(metrics=[])))
    assert "model-index" not in front and "metrics" not in front
    assert "was not evaluated" in text
    free = {"tumour": {"value": 3, "n": 4, "false_positive_px": 12}}
    nothing = {"tumour": {"value": None, "n": 0, "interval_95": [None, None]}}
    values = {"dice_global": nothing, "tumour_free_scans": free}
    entry = {"dataset": "LiTS", "split": "val", "protocol": "p", "values": values}
    front, text = split_front_matter(model_card(manifest_for(metrics=[entry])))
    assert "model-index" not in front
    assert "| tumour | not measured | 0 |" in text
    assert "| scans without tumour where none is found | tumour | 3 | 4 |" in text


def test_text_of_the_manifest_cannot_break_the_card() -> None:
    nasty = "a | b\n---\n<script>alert(1)</script> `x` [link](http://x)"
    training = manifest_for().training | {
        "datasets": [{"name": "yes: no # [x]", "licence": nasty, "citation": nasty}]
    }
    front, text = split_front_matter(model_card(manifest_for(training=training, licence="Own licence: 'v1'")))
    assert front["datasets"] == ["yes-no-x"]
    assert (front["license"], front["license_name"]) == ("other", "own-licence-v1")
    assert not re.search(r"(?<!\\)<script>", text)
    row = next(line for line in text.splitlines() if line.startswith("| yes"))
    assert len(re.findall(r"(?<!\\)\|", row)) == 5


def test_the_card_describes_the_input() -> None:
    spec = InputSpec("volume", 1, (WindowSpec(60, 200), WindowSpec(40, 400)), 128, (2.5, 0.8, 0.8))
    _, text = split_front_matter(model_card(manifest_for(input=spec)))
    assert "takes volumes" in text and "2.5 × 0.8 × 0.8 mm" in text and "60/200 and 40/400" in text
    assert "(N, 1, D, H, W)" in text
    _, text = split_front_matter(
        model_card(manifest_for(input=InputSpec("slices", 3, (WindowSpec(40, 400),), 256)))
    )
    assert "3 slices in all" in text and "(N, 3, H, W)) -> probabilities" in text
