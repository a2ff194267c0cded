"""What a browser transfers when it opens the page for the first time, by its network events."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass
from urllib.parse import urlsplit

from tests.scenarios.browser.chromium import Page


@dataclass(frozen=True)
class Transfer:
    """One request: its address and the bytes received for it, with headers, as sent (compressed)."""

    url: str
    received: int


def transfers_of_first_load(page: Page, url: str, is_shown: Callable[[], object]) -> list[Transfer]:
    """Open the address as a new visitor; returns the requests made until `is_shown` has returned.

    Cache and stored data are cleared first. Requests of `data:` and `blob:` addresses are left out: they
    transfer nothing.
    """
    page.driver.execute_cdp_cmd("Network.enable", {})
    page.driver.execute_cdp_cmd("Network.clearBrowserCache", {})
    page.driver.execute_cdp_cmd("Storage.clearDataForOrigin", {"origin": url, "storageTypes": "all"})
    page.driver.execute_script("sessionStorage.clear()")
    page.driver.get("about:blank")
    page.driver.get_log("performance")  # forget the former requests
    page.driver.get(url)
    is_shown()
    urls: dict[str, str] = {}
    received: dict[str, int] = {}
    for entry in page.driver.get_log("performance"):
        event = json.loads(entry["message"])["message"]
        values = event["params"]
        if event["method"] == "Network.requestWillBeSent":
            urls[values["requestId"]] = values["request"]["url"]
        elif event["method"] == "Network.dataReceived":  # a stream has parts and may have no end yet
            length = max(values["encodedDataLength"], values["dataLength"])
            received[values["requestId"]] = received.get(values["requestId"], 0) + length
        elif event["method"] == "Network.loadingFinished":
            received[values["requestId"]] = values["encodedDataLength"]
    return [
        Transfer(address, int(received.get(key, 0)))
        for key, address in urls.items()
        if urlsplit(address).scheme in ("http", "https", "ws", "wss")
    ]
