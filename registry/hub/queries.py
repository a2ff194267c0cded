"""Queries to the Hub with a common deadline and a limit to the size of an answer."""

from __future__ import annotations

import json
import time
from dataclasses import dataclass
from typing import Any

from registry.card.front_matter import HUB_TAG
from registry.errors import HubRefused, HubUnreachable
from registry.hub.client import endpoint, endpoint_host, headers
from registry.hub.errors import translate_hub_errors

REQUEST_S = 4.0
"""A Hub that sends nothing for longer counts as unreachable."""
MAX_ANSWER_BYTES = 16 * 1024**2


@dataclass(frozen=True)
class HubQueries:
    """Queries that together end before a deadline; each raises `HubRefused` or `HubUnreachable`."""

    deadline: float  # on the clock of time.monotonic()

    def repositories(self, owner: str, limit: int) -> list[str]:
        """The names `owner/name` of the owner's model repositories that are tagged as checkpoints."""
        url: str | None = f"{endpoint()}/api/models"
        params: dict[str, str] | None = {"author": owner, "filter": HUB_TAG}
        names: list[str] = []
        while url is not None and len(names) < limit:
            data, url = self._json(url, owner, params)
            params = None  # the URL of the next page includes them
            with translate_hub_errors(owner):
                names += [str(item["id"]) for item in data]
        names = list(dict.fromkeys(names))
        return [n for n in names[:limit] if n.split("/")[0].lower() == owner.lower() and n.count("/") == 1]

    def tags(self, repository: str) -> dict[str, str]:
        """The repository's git tags and their commits."""
        data, _ = self._json(f"{endpoint()}/api/models/{repository}/refs", repository)
        with translate_hub_errors(repository):
            return {str(tag["name"]): str(tag["targetCommit"]) for tag in data["tags"]}

    def file(self, repository: str, commit: str, name: str, limit_bytes: int) -> bytes:
        """The content of a small file of a commit."""
        from huggingface_hub import hf_hub_url

        url = hf_hub_url(repository, name, revision=commit, endpoint=endpoint())
        return self._bytes(url, f"{name} of {repository}", limit_bytes)[0]

    def _json(self, url: str, subject: str, params: dict[str, str] | None = None) -> tuple[Any, str | None]:
        data, next_page = self._bytes(url, subject, MAX_ANSWER_BYTES, params)
        with translate_hub_errors(subject):
            return json.loads(data), next_page

    def _bytes(
        self, url: str, subject: str, limit_bytes: int, params: dict[str, str] | None = None
    ) -> tuple[bytes, str | None]:
        """The answer, and the URL of the next page where there is one."""
        with translate_hub_errors(subject):
            import httpx2
            from huggingface_hub import get_session
            from huggingface_hub.utils import hf_raise_for_status

            data = b""
            timeout = httpx2.Timeout(min(REQUEST_S, self._remaining_s()))
            with get_session().stream(
                "GET", url, params=params, headers=headers(), timeout=timeout
            ) as response:
                hf_raise_for_status(response)
                for chunk in response.iter_bytes():
                    data += chunk
                    self._remaining_s()
                    if len(data) > limit_bytes:
                        raise HubRefused(f"The Hub's answer about {subject} is too large.")
                next_page = response.links.get("next", {}).get("url")
        if next_page is not None and not next_page.startswith(f"{endpoint()}/"):
            raise HubRefused(f"The Hub refers to another address for the rest of {subject}.")
        return data, next_page

    def _remaining_s(self) -> float:
        remaining = self.deadline - time.monotonic()
        if remaining <= 0:
            raise HubUnreachable(f"The Hub at {endpoint_host()} did not answer in time.")
        return remaining
