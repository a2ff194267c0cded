"""Errors of the Hub's client as `HubRefused` or `HubUnreachable`, with one sentence each.

The client's own messages are dropped: they quote URLs and answers of the Hub.
"""

from __future__ import annotations

import logging
from collections.abc import Iterator
from contextlib import contextmanager

from registry.errors import HubRefused, HubUnreachable, RegistryError
from registry.hub.client import endpoint_host
from registry.text import one_line

_log = logging.getLogger(__name__)


@contextmanager
def translate_hub_errors(subject: str) -> Iterator[None]:
    """Raise every error of the client inside the context as `HubRefused` or `HubUnreachable`.

    `subject` is what was requested, for the message, such as a repository's name.
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
        _log.debug("%s about %s", type(error).__name__, subject)
        raise hub_error(error, subject) from None


def hub_error(error: BaseException, subject: str) -> RegistryError:
    """The registry's exception for an error of the client, judged by the error and its causes."""
    import httpx2
    from huggingface_hub.errors import HFValidationError, OfflineModeIsEnabled

    chain = [error, error.__cause__, error.__context__]
    for link in chain:
        if isinstance(link, OfflineModeIsEnabled):
            return HubUnreachable(f"No request to the Hub about {subject}: HF_HUB_OFFLINE is set.")
        if isinstance(link, HFValidationError):
            return HubRefused(f"{one_line(subject, 100)} is not a valid name of a repository on the Hub.")
        status = getattr(getattr(link, "response", None), "status_code", None)
        if isinstance(status, int):
            return status_error(status, subject)
    if any(isinstance(link, httpx2.TransportError | ConnectionError | TimeoutError) for link in chain):
        return HubUnreachable(f"The Hub at {endpoint_host()} cannot be reached (requested: {subject}).")
    return HubRefused(f"The Hub's answer about {subject} was not understood.")


def status_error(status: int, subject: str) -> RegistryError:
    """The registry's exception for an HTTP status.

    >>> status_error(429, "lab/tiny")
    HubUnreachable('The Hub takes no more requests for now (requested: lab/tiny); try again later.')
    """
    if status == 401:
        return HubRefused(
            f"The Hub asks for a valid token for {subject}; set HF_TOKEN, or check that the name is right."
        )
    if status == 402:
        return HubRefused(f"The Hub asks for a paid plan or credits for {subject}.")
    if status == 403:
        return HubRefused(f"The token in use gives no right to {subject}.")
    if status == 404:
        return HubRefused(f"There is no {subject} on the Hub, or the token in use may not see it.")
    if status in (409, 412):
        return HubRefused(
            f"On the Hub, {subject} was changed by somebody else in the meantime; check it and try again."
        )
    if status == 429:
        return HubUnreachable(
            f"The Hub takes no more requests for now (requested: {subject}); try again later."
        )
    if status >= 500:
        return HubUnreachable(f"The Hub failed with status {status} (requested: {subject}); try again later.")
    return HubRefused(f"The Hub refused the request about {subject} with status {status}.")
