"""The Hugging Face Hub's client, set up for registries, and its errors as sentences.

`HF_ENDPOINT`, `HF_TOKEN` and `HF_HUB_OFFLINE` mean what they mean to the client. A token is handed to the
client alone, which sends it to the endpoint only; no text here holds it, nor any answer of the Hub.
"""

from __future__ import annotations

import errno
import logging
import os
import re
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

from registry.errors import CacheUnwritable, HubRefused, HubUnreachable, RegistryError, UnsupportedRegistry
from registry.text import one_line

if TYPE_CHECKING:
    from huggingface_hub import HfApi

SCHEME = "hf://"

CONNECT_S = 10.0
ANSWER_S = 120.0
"""The Hub may think this long about a commit; without a limit a stuck connection would hold for ever."""

_OWNER = re.compile(r"[A-Za-z0-9](?:[A-Za-z0-9-]{0,94}[A-Za-z0-9])?", re.ASCII)
_log = logging.getLogger(__name__)
_set_up = threading.Lock()
_is_set_up = False


def owner_of(place: str) -> str | None:
    """The owner that `hf://owner` names; None for a place of another kind.

    Raises `UnsupportedRegistry` when what follows `hf://` is not a name of a user or an organisation.

    >>> owner_of("hf://liverseg"), owner_of("models/hf")
    ('liverseg', None)
    """
    if not place.lower().startswith(SCHEME):
        return None
    owner = place[len(SCHEME) :].removesuffix("/")
    if not is_owner(owner):
        raise UnsupportedRegistry(
            "A registry is a folder or hf://owner, with the name of a user or an organisation on the Hub; "
            f"'{one_line(place, 60)}' is neither."
        )
    return owner


def is_owner(text: str) -> bool:
    """Whether the text can be the name of a user or an organisation on the Hub."""
    return _OWNER.fullmatch(text) is not None and "--" not in text


def endpoint() -> str:
    """The address of the Hub, without a slash at its end."""
    from huggingface_hub import constants

    return (os.environ.get("HF_ENDPOINT") or constants.ENDPOINT).rstrip("/")


def is_offline() -> bool:
    """Whether the client was told to ask nothing of the Hub."""
    from huggingface_hub import constants

    return (
        os.environ.get("HF_HUB_OFFLINE", "").upper() in {"1", "ON", "YES", "TRUE"} or constants.HF_HUB_OFFLINE
    )


def load_client() -> None:
    """Imports what questions to the Hub need."""
    from huggingface_hub import HfApi, get_session, hf_hub_url  # noqa: F401


def api(token: str | None = None) -> HfApi:
    """The client, with `token` or the one that it finds itself (`HF_TOKEN`, `hf auth login`)."""
    from huggingface_hub import HfApi

    _limit_waiting()
    return HfApi(endpoint=endpoint(), token=token or token_in_use() or False, library_name="liverseg")


def headers() -> dict[str, str]:
    """Of a request that the client does not make itself."""
    from huggingface_hub.utils import build_hf_headers

    made: dict[str, str] = build_hf_headers(token=token_in_use() or False, library_name="liverseg")
    return made


def token_in_use() -> str | None:
    """`HF_TOKEN`, else that of `hf auth login` unless `HF_HUB_DISABLE_IMPLICIT_TOKEN` forbids it."""
    from huggingface_hub import constants, get_token

    named = os.environ.get("HF_TOKEN", "").strip()
    return named or (None if constants.HF_HUB_DISABLE_IMPLICIT_TOKEN else get_token())


def _limit_waiting() -> None:
    """The client waits without a limit for an answer unless it is given one."""
    global _is_set_up
    with _set_up:
        if _is_set_up:
            return
        import httpx2
        from huggingface_hub import set_client_factory
        from huggingface_hub.utils._http import default_client_factory

        def factory() -> httpx2.Client:
            client = default_client_factory()
            client.timeout = httpx2.Timeout(ANSWER_S, connect=CONNECT_S)
            return client

        set_client_factory(factory)
        _is_set_up = True


@contextmanager
def told(what: str) -> Iterator[None]:
    """Turns whatever the client raises into `HubRefused` or `HubUnreachable`, about `what`.

    The errors' own texts are dropped: they quote addresses and answers.
    """
    import httpx2

    try:
        yield
    except RegistryError:
        raise
    except (
        OSError,
        ValueError,
        LookupError,
        TypeError,
        AttributeError,
        RuntimeError,
        httpx2.HTTPError,
    ) as error:
        _log.debug("%s about %s", type(error).__name__, what)
        raise refusal(error, what) from None


def refusal(error: BaseException, what: str) -> RegistryError:
    """The sentence for an error of the client."""
    from huggingface_hub.errors import HFValidationError, OfflineModeIsEnabled

    chain = [error, error.__cause__, error.__context__]
    for link in chain:
        if isinstance(link, OfflineModeIsEnabled):
            return HubUnreachable(f"The Hub is not asked for {what}: HF_HUB_OFFLINE is set.")
        if isinstance(link, HFValidationError):
            return HubRefused(f"The Hub allows no repository of the name {one_line(what, 100)}.")
        status = getattr(getattr(link, "response", None), "status_code", None)
        if isinstance(status, int):
            return _of_status(status, what)
    import httpx2

    if any(isinstance(link, httpx2.TransportError | ConnectionError | TimeoutError) for link in chain):
        return HubUnreachable(f"The Hub at {endpoint_name()} cannot be reached; it was asked for {what}.")
    return HubRefused(f"What the Hub answered about {what} was not understood.")


def endpoint_name() -> str:
    """The Hub's host and port, for people: never a user or a password of the address."""
    return one_line(re.sub(r"^\w+://(?:[^/@]*@)?", "", endpoint()).split("/")[0], 80)


def _of_status(status: int, what: str) -> RegistryError:
    if status == 401:
        return HubRefused(
            f"The Hub asks for a valid token for {what}; set HF_TOKEN, or check that the name is right."
        )
    if status == 402:
        return HubRefused(f"The Hub asks for a paid plan or credits for {what}.")
    if status == 403:
        return HubRefused(f"The token in use gives no right to {what}.")
    if status == 404:
        return HubRefused(f"There is no {what} on the Hub, or the token in use may not see it.")
    if status in (409, 412):
        return HubRefused(f"On the Hub, {what} was changed by somebody else meanwhile; look, and try again.")
    if status == 429:
        return HubUnreachable(f"The Hub takes no more requests for now (asked for {what}); try again later.")
    if status >= 500:
        return HubUnreachable(f"The Hub failed with status {status} (asked for {what}); try again later.")
    return HubRefused(f"The Hub refused what was asked about {what}, with status {status}.")


_OF_THE_DISK = {
    getattr(errno, name)
    for name in ("ENOSPC", "EDQUOT", "EROFS", "EACCES", "EPERM", "EFBIG", "EIO", "ENOTDIR", "EEXIST")
    if hasattr(errno, name)
}


@contextmanager
def storing(what: str) -> Iterator[None]:
    """Turn an error of the disk into `CacheUnwritable`, about `what`; any other error stays what it is."""
    try:
        yield
    except OSError as error:
        if error.errno not in _OF_THE_DISK:
            raise
        why = os.strerror(error.errno or 0).lower()
        raise CacheUnwritable(
            f"{what} cannot be stored on this machine ({why}); LIVERSEG_CACHE can name another folder."
        ) from None
