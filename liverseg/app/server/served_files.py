"""Files that the server offers: stored in gradio's upload folder, which is emptied on schedule.

Gradio serves files from there, and `retention.Cleanup` deletes them `KEEP_MINUTES` after they were stored.
Gradio has no public function for this folder, so this module uses its `get_upload_folder` and `hash_bytes`.
"""

from __future__ import annotations

import secrets
from pathlib import Path
from typing import Any
from urllib.parse import quote

from gradio.processing_utils import hash_bytes
from gradio.utils import get_upload_folder

from liverseg.app.server.request_guard import FILE_META
from liverseg.io.files import write_atomically


def store(name: str, content: bytes) -> Path:
    """Store a file in a folder that is named by the hash of its content and a secret of this process.

    Gradio uses the same names, so that it makes no copy of a file that an endpoint answers.
    """
    folder = Path(get_upload_folder()) / hash_bytes(content)
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / name
    write_atomically(path, content)  # another call may be serving the same file
    return path


def private_folder() -> Path:
    """A new folder for files that one visitor alone gets; its name cannot be guessed."""
    folder = Path(get_upload_folder()) / secrets.token_hex(32)
    folder.mkdir(parents=True)
    return folder


def file_data(path: Path) -> dict[str, Any]:
    """A stored file in gradio's form for answers; `url` is its address on this server."""
    size = path.stat().st_size
    named = {"path": str(path), "url": f"/{address(path)}", "orig_name": path.name, "size": size}
    return {**named, "meta": FILE_META}


def address(path: Path) -> str:
    """The address of a stored file, relative to that of the page.

    >>> address(Path("/tmp/a b/report.pdf"))
    'gradio_api/file=/tmp/a%20b/report.pdf'
    """
    return f"gradio_api/file={quote(str(path))}"
