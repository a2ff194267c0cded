"""The web page and its API: a thin layer over `read`, `Segmenter` and `measure`.

`session` and `texts` know nothing of gradio, `actions` turns events into updates by name,
`layout` ties names to components, `launch` serves the page. Nothing here reaches out to the
network: gradio's analytics and the Hub's telemetry are off before either is imported.
"""

from __future__ import annotations

import os

for _name, _value in {
    "GRADIO_ANALYTICS_ENABLED": "False",
    "HF_HUB_DISABLE_TELEMETRY": "1",
    "HF_HUB_DISABLE_IMPLICIT_TOKEN": "1",
}.items():
    os.environ[_name] = _value
