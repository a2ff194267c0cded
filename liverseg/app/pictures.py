"""Pictures of the endpoints as PNG, encoded many times as fast as gradio's own way."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from gradio.processing_utils import hash_bytes
from gradio.utils import get_upload_folder

from liverseg.png import png_bytes


def png_file(picture: np.ndarray) -> str:
    """The path of an RGB array (H, W, 3) uint8 as a PNG, where gradio itself would put it: it serves it from
    there and deletes it in time."""
    content = png_bytes(picture)
    folder = Path(get_upload_folder()) / hash_bytes(content)  # with a secret of this process
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / "image.png"
    path.write_bytes(content)
    return str(path)
