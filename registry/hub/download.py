"""Download one file of known size from the Hub, resuming an interrupted download.

`huggingface_hub` has the session, the token, the redirects and the address in the Xet storage. Its own
`hf_hub_download` cannot replace the transfer here (2.4.0 with hf-xet 1.8.0): it deletes the unfinished file
after an error and starts at zero in the next process, over HTTP and over Xet; over Xet an error raised by its
progress bar is printed and the download goes on, so that nothing can stop or bound it; over HTTP it gives up
at a status 503 and has no limit to its total time. The stream of `hf-xet` starts at any byte and can be
closed, so that both ways continue the same unfinished file.
"""

from __future__ import annotations

import logging
import os
import time
from collections.abc import Callable, Generator, Iterable
from contextlib import closing
from pathlib import Path
from typing import TYPE_CHECKING

from registry.errors import CheckpointDamaged, HubUnreachable
from registry.hub.client import endpoint, endpoint_host, headers, token_in_use

if TYPE_CHECKING:
    import httpx2
    from huggingface_hub.utils import XetFileData

CONNECT_S, READ_S = 5.0, 10.0
TRIES = 5
"""The download fails after this many requests in a row without a new byte."""
SLOWEST_BYTES_PER_S = 10_000
"""A download that is slower over its whole length, a minute aside, fails."""
XET_BYTES = 4 * 1024**2
"""Files from this size on are taken from the Xet storage where the Hub has them there."""
_RETRIED_STATUSES = (408, 429, 500, 502, 503, 504)

_log = logging.getLogger(__name__)


class WrongSize(CheckpointDamaged):
    """The file at the URL does not have the expected size."""


class _RetryableError(ConnectionError):
    """The server could not continue the partial file; another request may succeed."""


def download(url: str, part: Path, size: int, progress: Callable[[int], None]) -> None:
    """Download `url` of the Hub into the file `part`, which then has exactly `size` bytes.

    Content of `part` is kept and continued, after cut connections and in later processes; the caller has to
    verify it afterwards. No more than `size` bytes are written. The token is sent to the Hub alone.
    `progress` gets the number of bytes in `part`; what it raises ends the download.

    Raises `WrongSize` when the file at the URL has another size, `HubUnreachable` when the download is
    slower than `SLOWEST_BYTES_PER_S`, and the client's error when `TRIES` requests in a row bring nothing.
    """
    import httpx2

    deadline = time.monotonic() + 60 + size / SLOWEST_BYTES_PER_S
    xet = _xet_file(url) if size >= XET_BYTES else None
    failures = 0
    part.touch()
    while (have := part.stat().st_size) != size:
        if have > size:
            os.truncate(part, 0)
            continue
        try:
            chunks = _http_chunks(url, size, have) if xet is None else _xet_chunks(xet, size, have)
            written = _write(part, chunks, size)
            with closing(chunks), closing(written):
                for have_now in written:
                    progress(have_now)
                    if have_now < size:
                        _check_time(deadline)
        except (httpx2.HTTPError, _RetryableError) as error:
            xet = None  # the rest over HTTP
            status = getattr(getattr(error, "response", None), "status_code", None)
            if status is not None and status not in _RETRIED_STATUSES:
                raise
            has_gained = part.stat().st_size > have
            failures = 0 if has_gained else failures + 1
            if failures >= TRIES:
                raise
            _check_time(deadline)
            _log.info("%s after %d of %d bytes; trying again", type(error).__name__, have, size)
            time.sleep(min(0.25 * 2**failures, 4.0))


def _write(part: Path, chunks: Iterable[tuple[int, bytes]], size: int) -> Generator[int]:
    """Write pieces (offset, bytes) to the file, where they stay; yields the file's size after each."""
    with open(part, "r+b") as file:
        for offset, chunk in chunks:
            if offset + len(chunk) > size:
                raise WrongSize(f"it has more than {size} bytes")
            file.seek(offset)
            file.truncate()
            file.write(chunk)
            yield offset + len(chunk)
        file.flush()
        os.fsync(file.fileno())


def _check_time(deadline: float) -> None:
    """Raises `HubUnreachable` after the deadline."""
    if time.monotonic() > deadline:
        raise HubUnreachable(
            f"The Hub at {endpoint_host()} sends too slowly; what it sent is kept for the next attempt."
        )


def _http_chunks(url: str, size: int, have: int) -> Generator[tuple[int, bytes]]:
    """Request the bytes from `have` on over HTTP; pieces with their offsets, from 0 if all is sent again."""
    import httpx2
    from huggingface_hub import constants, get_session
    from huggingface_hub.utils import hf_raise_for_status

    request_headers = {**headers(), constants.X_HF_DOWNLOAD_COUNTER: "1", "Accept-Encoding": "identity"}
    if have:
        request_headers["Range"] = f"bytes={have}-"
    timeout = httpx2.Timeout(READ_S, connect=CONNECT_S)
    with get_session().stream("GET", url, headers=request_headers, timeout=timeout) as response:
        is_part = response.status_code == 206
        if response.status_code == 416 or is_part and not _starts_at(response.headers, have):
            yield 0, b""  # the server cannot continue: from the start again
            raise _RetryableError
        hf_raise_for_status(response)
        offset = have if is_part else 0
        length = response.headers.get("Content-Length", "")
        if length.isdecimal() and offset + int(length) != size:
            raise WrongSize(f"it has {offset + int(length)} bytes")
        for chunk in response.iter_bytes():
            yield offset, chunk
            offset += len(chunk)
    if offset < size:
        raise WrongSize(f"it has {offset} bytes")


def _starts_at(answer_headers: httpx2.Headers, have: int) -> bool:
    return str(answer_headers.get("Content-Range", "")).startswith(f"bytes {have}-")


def _xet_file(url: str) -> XetFileData | None:
    """Where the Xet storage has the file; None where it is taken over HTTP.

    The token is sent to the address that the Hub names, which must be one of its own.
    """
    import httpx2
    from huggingface_hub import constants, get_hf_file_metadata

    if constants.HF_HUB_DISABLE_XET:
        return None
    try:
        import hf_xet  # noqa: F401  # missing on rare platforms

        token = token_in_use() or False
        found = get_hf_file_metadata(url, token=token, timeout=READ_S, endpoint=endpoint())
    except (ImportError, OSError, ValueError, httpx2.HTTPError):
        return None  # the request over HTTP says what is wrong
    file = found.xet_file_data
    return file if file is not None and file.refresh_route.startswith(f"{endpoint()}/") else None


def _xet_chunks(file: XetFileData, size: int, have: int) -> Generator[tuple[int, bytes]]:
    """The bytes from `have` on from the Xet storage, in pieces with their offsets."""
    import hf_xet

    settings = {
        "telemetry.enabled": False,
        "client.connect_timeout": f"{CONNECT_S:.0f}s",
        "client.read_timeout": f"{READ_S:.0f}s",
        "client.retry_max_attempts": 1,
        "client.retry_base_delay": "100ms",
    }
    offset = have
    try:
        session = hf_xet.XetSession(config=hf_xet.XetConfig().with_config(settings))
        with session.new_download_stream_group(
            token_refresh_url=file.refresh_route, token_refresh_headers=headers()
        ) as group:
            for chunk in group.download_stream(hf_xet.XetFileInfo(file.file_hash, size), start=have):
                yield offset, chunk
                offset += len(chunk)
    except (OSError, RuntimeError, ValueError) as error:
        raise _RetryableError from error
    if offset < size:
        raise _RetryableError
