"""The texts of the page, the card of a checkpoint and the pictures; all values are escaped."""

from __future__ import annotations

import base64

from liverseg.app.html import page_text


def test_the_card_has_dice_data_and_protocol(checkpoints):
    card = page_text.checkpoint_card(checkpoints.find(None))
    assert "0.945 (n = 26)" in card and "LiTS val" in card and "every slice at full resolution" in card
    assert "<details" in card and "<summary>Dice: liver 0.945, tumour 0.463</summary>" in card
    assert page_text.checkpoint_card(None) == ""


def test_pictures_have_captions_and_texts_for_screen_readers():
    for name, content in zip(page_text.picture_names(), (b"one", b"two", b"three"), strict=True):
        html = page_text.figure(name, content, "slice 1 of <4>")
        assert f"<figcaption>{name}</figcaption>" in html and base64.b64encode(content).decode() in html
        assert f'alt="{name}, slice 1 of &lt;4&gt;"' in html


def test_sentences_are_escaped():
    assert "<img" not in page_text.problem("<img src=x>") + page_text.loading("<img src=x>")
