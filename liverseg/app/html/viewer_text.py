"""The texts of the page's scripts: those of the viewer with its list of keys, and those on a lost server.

Scripts replace a name in braces by a value.
"""

from __future__ import annotations

from typing import Any

from liverseg.app.text.catalogue import group, speaking

KEYS = (
    "wheel page ends click right zoom drag whole swipe lesion overlay truth lines ruler ellipse remove cine "
    "full escape help"
).split()
"""Keys and gestures in the order of their list, as the ends of the keys `key.` and `key_does.`."""


def script_texts(language: str) -> dict[str, Any]:
    """The texts of the scripts in a language: `viewer`, with its `keys`, and `server`."""
    with speaking(language):
        names, meanings = group("key"), group("key_does")
        keys = [[names[name], meanings[name]] for name in KEYS]
        presets = {text: name for name, text in group("window").items()}
        return {"viewer": {**group("viewer"), "keys": keys}, "server": group("server"), "presets": presets}
