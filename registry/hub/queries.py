"""Questions to the Hub that must not take long: each has a deadline, and a limit to its answer."""

from __future__ import annotations

import json
import time
from dataclasses import dataclass
from typing import Any

from registry.card.card import HUB_TAG
from registry.errors import HubRefused, HubUnreachable
from registry.hub.client import endpoint, endpoint_name, headers, told

REQUEST_S = 4.0
"""A Hub that is silent for longer is taken for unreachable."""
MAX_ANSWER_BYTES = 16 * 1024**2


@dataclass(frozen=True)
class Questions:
    """Questions that all have to be answered by one moment."""

    deadline: float  # time.monotonic()

    def repositories(self, owner: str, most: int) -> list[str]:
        """The names `owner/name` of the owner's model repositories that are tagged as checkpoints."""
        url: str | None = f"{endpoint()}/api/models"
        params: dict[str, str] | None = {"author": owner, "filter": HUB_TAG}
        found: list[str] = []
        while url is not None and len(found) < most:
            data, url = self._json(url, owner, params)
            params = None  # the next page's address has them
            with told(owner):
                found += [str(item["id"]) for item in data]
        found = list(dict.fromkeys(found))
        return [r for r in found[:most] if r.split("/")[0].lower() == owner.lower() and r.count("/") == 1]

    def tags(self, repository: str) -> dict[str, str]:
        """The commit of each tag."""
        data, _ = self._json(f"{endpoint()}/api/models/{repository}/refs", repository)
        with told(repository):
            return {str(tag["name"]): str(tag["targetCommit"]) for tag in data["tags"]}

    def file(self, repository: str, commit: str, name: str, limit_bytes: int) -> bytes:
        """A small file of a commit."""
        from huggingface_hub import hf_hub_url

        url = hf_hub_url(repository, name, revision=commit, endpoint=endpoint())
        return self._bytes(url, f"{name} of {repository}", limit_bytes)[0]

    def _json(self, url: str, what: str, params: dict[str, str] | None = None) -> tuple[Any, str | None]:
        data, following = self._bytes(url, what, MAX_ANSWER_BYTES, params)
        with told(what):
            return json.loads(data), following

    def _bytes(
        self, url: str, what: str, limit_bytes: int, params: dict[str, str] | None = None
    ) -> tuple[bytes, str | None]:
        """The answer, and the address of the next page where there is one."""
        with told(what):
            import httpx2
            from huggingface_hub import get_session
            from huggingface_hub.utils import hf_raise_for_status

            data = b""
            timeout = httpx2.Timeout(min(REQUEST_S, self._left()))
            with get_session().stream(
                "GET", url, params=params, headers=headers(), timeout=timeout
            ) as answer:
                hf_raise_for_status(answer)
                for piece in answer.iter_bytes():
                    data += piece
                    self._left()
                    if len(data) > limit_bytes:
                        raise HubRefused(f"What the Hub answered about {what} is too large.")
                following = answer.links.get("next", {}).get("url")
        if following is not None and not following.startswith(f"{endpoint()}/"):
            raise HubRefused(f"The Hub refers to another address for the rest of {what}.")
        return data, following

    def _left(self) -> float:
        left = self.deadline - time.monotonic()
        if left <= 0:
            raise HubUnreachable(f"The Hub at {endpoint_name()} did not answer in time.")
        return left
