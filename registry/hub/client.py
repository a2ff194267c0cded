"""The Hugging Face Hub's client: address, token, time limits.

`HF_ENDPOINT`, `HF_TOKEN` and `HF_HUB_OFFLINE` work as they do for `huggingface_hub`. Only the client sees the
token, and it sends it to the endpoint only.
"""

from __future__ import annotations

import os
import re
import threading
from typing import TYPE_CHECKING

from registry.errors import UnsupportedRegistry
from registry.text import one_line

if TYPE_CHECKING:
    from huggingface_hub import HfApi

SCHEME = "hf://"

API_CONNECT_S = 10.0
API_ANSWER_S = 120.0
"""Time limits of one request. The Hub may need long for a commit; a stuck connection must still end."""

_OWNER = re.compile(r"[A-Za-z0-9](?:[A-Za-z0-9-]{0,94}[A-Za-z0-9])?", re.ASCII)
_time_limit_lock = threading.Lock()
_has_time_limit = False


def owner_of(address: str) -> str | None:
    """The owner in `hf://owner`; None for an address of another kind.

    Raises `UnsupportedRegistry` when the text after `hf://` is not the name of a user or an organisation.

    >>> owner_of("hf://liverseg"), owner_of("models/hf")
    ('liverseg', None)
    """
    if not address.lower().startswith(SCHEME):
        return None
    owner = address[len(SCHEME) :].removesuffix("/")
    if not is_owner(owner):
        raise UnsupportedRegistry(
            "A registry is a folder or hf://owner, with the name of a user or an organisation on the Hub; "
            f"'{one_line(address, 60)}' is neither."
        )
    return owner


def is_owner(text: str) -> bool:
    """Whether the text can be the name of a user or an organisation on the Hub."""
    return _OWNER.fullmatch(text) is not None and "--" not in text


def endpoint() -> str:
    """The URL of the Hub, without a slash at its end."""
    from huggingface_hub import constants

    return (os.environ.get("HF_ENDPOINT") or constants.ENDPOINT).rstrip("/")


def endpoint_host() -> str:
    """The Hub's host and port for messages, without a user or password that the URL may hold."""
    return one_line(re.sub(r"^\w+://(?:[^/@]*@)?", "", endpoint()).split("/")[0], 80)


def is_offline() -> bool:
    """Whether `HF_HUB_OFFLINE` forbids requests to the Hub."""
    from huggingface_hub import constants

    return (
        os.environ.get("HF_HUB_OFFLINE", "").upper() in {"1", "ON", "YES", "TRUE"} or constants.HF_HUB_OFFLINE
    )


def load_client() -> None:
    """Import the parts of `huggingface_hub` that queries need, which can take seconds."""
    from huggingface_hub import HfApi, get_session, hf_hub_url  # noqa: F401


def api(token: str | None = None) -> HfApi:
    """The client, with `token` or the token in use (see `token_in_use`)."""
    from huggingface_hub import HfApi

    _limit_time()
    return HfApi(endpoint=endpoint(), token=token or token_in_use() or False, library_name="liverseg")


def headers() -> dict[str, str]:
    """The headers, with the token, of a request that is made without the client."""
    from huggingface_hub.utils import build_hf_headers

    hub_headers: dict[str, str] = build_hf_headers(token=token_in_use() or False, library_name="liverseg")
    return hub_headers


def token_in_use() -> str | None:
    """`HF_TOKEN`, else the token of `hf auth login` unless `HF_HUB_DISABLE_IMPLICIT_TOKEN` forbids it."""
    from huggingface_hub import constants, get_token

    token = os.environ.get("HF_TOKEN", "").strip()
    return token or (None if constants.HF_HUB_DISABLE_IMPLICIT_TOKEN else get_token())


def _limit_time() -> None:
    """Give the client's requests a time limit, once per process: by default it waits without one."""
    global _has_time_limit
    with _time_limit_lock:
        if _has_time_limit:
            return
        import httpx2
        from huggingface_hub import set_client_factory
        from huggingface_hub.utils._http import default_client_factory

        def factory() -> httpx2.Client:
            client = default_client_factory()
            client.timeout = httpx2.Timeout(API_ANSWER_S, connect=API_CONNECT_S)
            return client

        set_client_factory(factory)
        _has_time_limit = True
