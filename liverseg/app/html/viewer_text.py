"""The words of the viewer: those that its scripts write, and its list of keys.

Scripts replace a name in braces by a value.
"""

from __future__ import annotations

VIEWER_TEXT = {
    "picture": "{name}, slice {slice} of {count}",
    "slice": "Slice {slice} / {count}",
    "window": "W {width}  C {center} HU",
    "bar": "{mm} mm",
    "liver": "Liver",
    "tumour": "Tumour",
    "unsure": "Unsure",
    "truth": "Truth",
    "probability": "Tumour probability",
    "readout": "{hu} HU · p {p} · {place}",
    "readout_assumed": "≈ {hu} HU · p {p} · {place}",
    "place_mm": "{x} {y} {z} mm",
    "place_pixel": "row {row}, column {column}",
    "place_voxel": "slice {slice}, row {row}, column {column}",
    "length_mm": "{length} mm",
    "length_pixels": "{length} px",
    "region_mm": "{hu} HU\n{width} × {height} mm",
    "region_pixels": "{hu} HU\n{width} × {height} px",
    "mean": "{mean} ± {sd}",
    "mean_assumed": "≈ {mean} ± {sd}",
    "remove": "Remove this measurement",
    "play": "Play the slices",
    "stop": "Stop",
    "keys_title": "Keys and gestures",
    "close": "Close",
}
"""The words of `static/*.js`, by name. `readout_assumed` and `mean_assumed` are for HU that were computed
from grey values with an assumed window."""

KEYS = (
    ("Wheel, ↑ ↓", "Go one slice up or down."),
    ("Page Up, Page Down", "Go ten slices up or down."),
    ("Home, End", "Go to the lowest or the highest slice."),
    ("Click", "Move the lines to this point."),
    ("Drag with the right button", "Change the window: left and right the width, up and down the centre."),
    ("Ctrl and wheel, pinch", "Zoom at the pointer."),
    ("Drag", "Move a zoomed picture."),
    ("Double click, 0", "Show the whole picture again."),
    ("Swipe", "Go through the slices."),
    ("N, P", "Go to the next or the previous lesion."),
    ("O", "Show or hide the overlay."),
    ("T", "Show or hide the truth of an example."),
    ("L", "Show or hide the lines."),
    ("R", "Measure a length."),
    ("E", "Measure the mean HU in an ellipse."),
    ("Delete", "Remove the last measurement of this picture."),
    ("Space", "Play the slices or stop."),
    ("F", "Show the pictures on the full screen, and go back."),
    ("Esc", "Put the ruler away, stop, or leave the full screen."),
    ("?", "Show this list."),
)
"""Keys and gestures, and what they do."""
