"""Pictures of the endpoints as PNG, encoded many times as fast as gradio's own way."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import gradio as gr
import numpy as np
from gradio.processing_utils import hash_bytes

from liverseg.png import png_bytes


class Picture(gr.Image):
    """A `gr.Image` that answers RGB arrays (H, W, 3) uint8 as PNG files of the page's cache."""

    def get_block_name(self) -> str:
        return "image"

    def postprocess(self, value: Any) -> Any:
        """An array is written where gradio itself would write it; anything else is left to gradio."""
        return super().postprocess(self._file(value) if isinstance(value, np.ndarray) else value)

    def _file(self, picture: np.ndarray) -> str:
        content = png_bytes(picture)
        folder = Path(self.GRADIO_CACHE) / hash_bytes(content)  # with a secret of this process
        folder.mkdir(parents=True, exist_ok=True)
        path = folder / "image.png"
        path.write_bytes(content)
        return str(path)
