from __future__ import annotations

from types import SimpleNamespace

import httpx2
import pytest
from huggingface_hub.errors import OfflineModeIsEnabled

from registry.errors import HubRefused, HubUnreachable, PushRefused, RegistryError
from registry.hub.errors import hub_error, translate_hub_errors


class StatusError(OSError):
    """An error of the client with the response to the request."""

    def __init__(self, status: int) -> None:
        super().__init__("https://secret.example answered with a body")
        self.response = SimpleNamespace(status_code=status)


@pytest.mark.parametrize(
    ("error", "kind", "says"),
    [
        (StatusError(401), HubRefused, "valid token for lab/tiny"),
        (StatusError(402), HubRefused, "paid plan"),
        (StatusError(403), HubRefused, "no right to lab/tiny"),
        (StatusError(404), HubRefused, "no lab/tiny on the Hub"),
        (StatusError(409), HubRefused, "changed by somebody else"),
        (StatusError(412), HubRefused, "changed by somebody else"),
        (StatusError(418), HubRefused, "status 418"),
        (StatusError(429), HubUnreachable, "no more requests"),
        (StatusError(503), HubUnreachable, "status 503"),
        (httpx2.ConnectTimeout("slow"), HubUnreachable, "cannot be reached"),
        (ConnectionResetError("reset"), HubUnreachable, "cannot be reached"),
        (OfflineModeIsEnabled("offline"), HubUnreachable, "HF_HUB_OFFLINE is set"),
        (KeyError("oid"), HubRefused, "not understood"),
    ],
)
def test_an_error_of_the_client_becomes_one_sentence(
    error: Exception, kind: type[RegistryError], says: str
) -> None:
    with pytest.raises(kind, match=says) as raised, translate_hub_errors("lab/tiny"):
        raise error
    text = str(raised.value)
    assert text.endswith(".") and "\n" not in text and "secret.example" not in text
    assert raised.value.__suppress_context__


def test_the_cause_of_an_error_is_recognised() -> None:
    error = ValueError("wrapped")
    error.__cause__ = StatusError(404)
    assert "no lab/tiny on the Hub" in str(hub_error(error, "lab/tiny"))


def test_errors_of_the_registry_and_of_the_program_pass_unchanged() -> None:
    for error in (PushRefused("public"), ZeroDivisionError()):
        with pytest.raises(type(error)) as raised, translate_hub_errors("lab/tiny"):
            raise error
        assert raised.value is error
