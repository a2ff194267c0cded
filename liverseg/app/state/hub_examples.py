"""Examples from a data set on the Hugging Face Hub, fetched into the cache of the Hub's client."""

from __future__ import annotations

import re
from pathlib import Path

from liverseg.app.state.example_list import LIST_NAMES, MAX_LIST_BYTES, ExampleList, parse_list
from liverseg.core import limits
from liverseg.errors import InputTooLarge, UnreadableInput
from registry import RegistryError
from registry.hub.client import api
from registry.hub.errors import translate_hub_errors

PREFIX = "hf://datasets/"
_ADDRESS = re.compile(r"hf://datasets/([\w.-]+/[\w.-]+?)(?:@([\w./-]+))?/?", re.ASCII)


def read_dataset(address: str) -> ExampleList:
    """The examples of `hf://datasets/owner/name`, or of its revision `…@revision`.

    Only the list is fetched; each example fetches its files when it is used. Raises `UnreadableInput` where
    the list cannot be fetched or used.
    """
    match = _ADDRESS.fullmatch(address)
    if match is None:
        raise UnreadableInput("A data set of examples is named hf://datasets/owner/name.")
    repository, revision = match.groups()
    for name in LIST_NAMES:
        path = _fetch(repository, name, revision, MAX_LIST_BYTES)
        if path is not None:
            content = Path(path).read_bytes()
            return parse_list(content, name, lambda file: (_required(repository, file, revision),))
    raise UnreadableInput(f"The data set {repository} has no {' or '.join(LIST_NAMES)}.")


def _required(repository: str, name: str, revision: str | None) -> str:
    path = _fetch(repository, name, revision, limits.MAX_FILE_BYTES)
    if path is None:
        raise UnreadableInput(f"The data set {repository} has no file {name}.")
    return path


def _fetch(repository: str, name: str, revision: str | None, most_bytes: int) -> str | None:
    """The path of a file on this machine, downloaded if it is not in the client's cache; None: no such file.

    A file that was fetched before is also found while the Hub does not answer.
    """
    from huggingface_hub import try_to_load_from_cache

    what = {"revision": revision, "repo_type": "dataset"}
    try:
        with translate_hub_errors(f"datasets/{repository}"):
            found = api().get_paths_info(repository, [name], **what)
            if not found:
                return None
            if found[0].size > most_bytes:
                raise InputTooLarge(f"The file {name} of the data set {repository} is too large.")
            return str(api().hf_hub_download(repository, name, **what))
    except RegistryError as error:
        path = try_to_load_from_cache(repository, name, **what)
        if isinstance(path, str):
            return path
        raise UnreadableInput(str(error)) from error
