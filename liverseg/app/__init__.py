"""The web page and its API: a thin layer over `read`, `Segmenter` and `measure`.

`state` holds sessions and loaded checkpoints, `html` builds the page's HTML, `server` guards and deletes,
`api` has the endpoints, `page` ties components to actions, and `launch` serves it all. Gradio's analytics and
the Hub's telemetry are switched off before either is imported.
"""

from __future__ import annotations

import os

for _name, _value in {
    "GRADIO_ANALYTICS_ENABLED": "False",
    "HF_HUB_DISABLE_TELEMETRY": "1",
    "HF_HUB_DISABLE_IMPLICIT_TOKEN": "1",
}.items():
    os.environ[_name] = _value
