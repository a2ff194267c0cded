"""An example that was read: its image and its truth."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from liverseg.app.state.example_list import Example, ExampleFiles
from liverseg.app.state.prepared_results import digest_of_image
from liverseg.core.image import CTImage
from liverseg.io.masks.read import read_labels
from liverseg.io.read import read


@dataclass(frozen=True, eq=False)
class ExampleCase:
    """The image and the truth of an example. All visitors share it."""

    about: Example
    files: ExampleFiles
    ct: CTImage
    truth: np.ndarray | None  # (S, H, W) uint8: 0 background, 1 liver, 2 tumour; None: unknown
    digest: str  # of the image, as in `prepared_results`

    @classmethod
    def read(cls, example: Example) -> ExampleCase:
        """Fetch the files of an example and read them as uploads are read. Raises a `LiversegError`."""
        files = example.fetch()
        source = files.sources[0] if len(files.sources) == 1 else list(files.sources)
        ct = read(source, example.window, example.series)
        truth = None if files.truth is None else read_labels(files.truth, ct).labels
        return cls(example, files, ct, truth, digest_of_image(ct))
