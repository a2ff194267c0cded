"""Fetch one file of known size over HTTP, going on where an interrupted fetch ended."""

from __future__ import annotations

import logging
import os
import time
from collections.abc import Callable
from pathlib import Path

from registry.errors import CheckpointDamaged

CONNECT_S, READ_S = 5.0, 10.0
TRIES = 5
"""Requests in a row that bring nothing before it is given up."""
_PASSING = (408, 429, 500, 502, 503, 504)

_log = logging.getLogger(__name__)


class WrongSize(CheckpointDamaged):
    """The file at the address has not the size that it must have."""


class _Passing(ConnectionError):
    """A failure after which another request may bring more."""


def download(
    url: str, headers: dict[str, str], part: Path, size: int, progress: Callable[[int], None]
) -> None:
    """Fetches `url` into the file `part`, which has exactly `size` bytes afterwards.

    What `part` holds already is kept and continued, over cut connections and over processes, so its content
    has to be checked afterwards. No more than `size` bytes are ever written. Headers such as the token go to
    the address's own origin only: the client drops them when it follows a redirect to another.

    Raises `WrongSize` when the server says, or shows, that the file has another size, and what the client
    raises when `TRIES` requests in a row bring nothing.
    """
    import httpx2

    failures = 0
    while (have := part.stat().st_size if part.exists() else 0) != size or not part.exists():
        if have > size:
            part.unlink()
            continue
        try:
            _request(url, headers, part, have, size, progress)
        except (httpx2.HTTPError, _Passing) as error:
            status = getattr(getattr(error, "response", None), "status_code", None)
            if status is not None and status not in _PASSING:
                raise
            gained = part.exists() and part.stat().st_size > have
            failures = 0 if gained else failures + 1
            if failures >= TRIES:
                raise
            _log.info("%s after %d of %d bytes; going on", type(error).__name__, have, size)
            time.sleep(min(0.25 * 2**failures, 4.0))


def _request(
    url: str, headers: dict[str, str], part: Path, have: int, size: int, progress: Callable[[int], None]
) -> None:
    """One request for what is missing."""
    import httpx2
    from huggingface_hub import get_session
    from huggingface_hub.utils import hf_raise_for_status

    asked = {**headers, "Accept-Encoding": "identity"}
    if have:
        asked["Range"] = f"bytes={have}-"
    timeout = httpx2.Timeout(READ_S, connect=CONNECT_S)
    with get_session().stream("GET", url, headers=asked, timeout=timeout) as response:
        if response.status_code == 416:
            part.unlink(missing_ok=True)
            raise _Passing
        hf_raise_for_status(response)
        if response.status_code == 206 and _start(response.headers.get("Content-Range", "")) != have:
            part.unlink(missing_ok=True)
            raise _Passing
        if response.status_code != 206:
            have = 0  # the server sends the whole
        length = response.headers.get("Content-Length", "")
        if length.isdecimal() and have + int(length) != size:
            raise WrongSize(f"it has {have + int(length)} bytes")
        with open(part, "ab" if have else "wb") as file:
            for piece in response.iter_bytes():
                have += len(piece)
                if have > size:
                    raise WrongSize(f"it has more than {size} bytes")
                file.write(piece)
                progress(have)
            file.flush()
            os.fsync(file.fileno())
    if have < size:
        raise WrongSize(f"it has {have} bytes")


def _start(content_range: str) -> int | None:
    """The first byte of a `Content-Range`.

    >>> _start("bytes 10-19/20"), _start("")
    (10, None)
    """
    first = content_range.removeprefix("bytes ").split("-")[0]
    return int(first) if first.isdecimal() else None
