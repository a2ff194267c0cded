"""Download one file of known size over HTTP, resuming an interrupted download."""

from __future__ import annotations

import logging
import os
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from registry.errors import CheckpointDamaged

CONNECT_S, READ_S = 5.0, 10.0
TRIES = 5
"""The download fails after this many requests in a row without a new byte."""
_RETRIED_STATUSES = (408, 429, 500, 502, 503, 504)

_log = logging.getLogger(__name__)


class WrongSize(CheckpointDamaged):
    """The file at the URL does not have the expected size."""


class _RetryableError(ConnectionError):
    """The server could not continue the partial file; another request may succeed."""


def download(
    url: str, headers: dict[str, str], part: Path, size: int, progress: Callable[[int], None]
) -> None:
    """Download `url` into the file `part`, which then has exactly `size` bytes.

    Content of `part` is kept and continued, after cut connections and in later processes; the caller has to
    verify it afterwards. No more than `size` bytes are written. The client drops the token when it follows a
    redirect to another origin. `progress` gets the number of bytes in `part`.

    Raises `WrongSize` when the file at the URL has another size, and the client's error when `TRIES` requests
    in a row bring nothing.
    """
    import httpx2

    request = _Request(url, headers, part, size, progress)
    failures = 0
    while (have := part.stat().st_size if part.exists() else 0) != size or not part.exists():
        if have > size:
            part.unlink()
            continue
        try:
            _request(request, have)
        except (httpx2.HTTPError, _RetryableError) as error:
            status = getattr(getattr(error, "response", None), "status_code", None)
            if status is not None and status not in _RETRIED_STATUSES:
                raise
            has_gained = part.exists() and part.stat().st_size > have
            failures = 0 if has_gained else failures + 1
            if failures >= TRIES:
                raise
            _log.info("%s after %d of %d bytes; trying again", type(error).__name__, have, size)
            time.sleep(min(0.25 * 2**failures, 4.0))


@dataclass(frozen=True)
class _Request:
    """The arguments of `download`."""

    url: str
    headers: dict[str, str]
    part: Path
    size: int
    progress: Callable[[int], None]


def _request(request: _Request, have: int) -> None:
    """Request the bytes from `have` on and append them to the partial file."""
    import httpx2
    from huggingface_hub import get_session
    from huggingface_hub.utils import hf_raise_for_status

    part, size = request.part, request.size
    headers = {**request.headers, "Accept-Encoding": "identity"}
    if have:
        headers["Range"] = f"bytes={have}-"
    timeout = httpx2.Timeout(READ_S, connect=CONNECT_S)
    with get_session().stream("GET", request.url, headers=headers, timeout=timeout) as response:
        if response.status_code == 416:
            part.unlink(missing_ok=True)
            raise _RetryableError
        hf_raise_for_status(response)
        if response.status_code == 206 and _range_start(response.headers.get("Content-Range", "")) != have:
            part.unlink(missing_ok=True)
            raise _RetryableError
        if response.status_code != 206:
            have = 0  # the server sends the whole file
        length = response.headers.get("Content-Length", "")
        if length.isdecimal() and have + int(length) != size:
            raise WrongSize(f"it has {have + int(length)} bytes")
        with open(part, "ab" if have else "wb") as file:
            for chunk in response.iter_bytes():
                have += len(chunk)
                if have > size:
                    raise WrongSize(f"it has more than {size} bytes")
                file.write(chunk)
                request.progress(have)
            file.flush()
            os.fsync(file.fileno())
    if have < size:
        raise WrongSize(f"it has {have} bytes")


def _range_start(content_range: str) -> int | None:
    """The first byte of a `Content-Range`.

    >>> _range_start("bytes 10-19/20"), _range_start("")
    (10, None)
    """
    first = content_range.removeprefix("bytes ").split("-")[0]
    return int(first) if first.isdecimal() else None
