"""Create or update a Gradio Space of this project on the Hugging Face Hub."""

from __future__ import annotations

import dataclasses
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from registry.checkpoint import Checkpoint
from registry.errors import PushRefused, RegistryUnreadable
from registry.hub.client import SCHEME, api, is_offline, is_owner, owner_of, token_in_use, told
from registry.hub.repository import Repository
from registry.progress import Progress
from registry.registries import BUNDLED, ENVIRONMENT, Registries, open_registries, places_of
from registry.space.content import (
    CARD,
    HARDWARE,
    ROOT,
    Hardware,
    project_files,
    read_files,
    space_content,
    space_files,
)
from registry.text import one_line

OWN_FILE = "liverseg/__init__.py"
"""A Space that has files but not this one is somebody's other work."""

_NAME = re.compile(r"[A-Za-z0-9](?:[\w.-]{0,94}[A-Za-z0-9])?", re.ASCII)


@dataclass(frozen=True)
class SpacePushed:
    """What became of a push, or would become of it."""

    space: str  # owner/name
    location: str  # the Space's address
    revision: str | None  # full commit hash of its files; None where nothing was sent
    hardware: str
    registry: str  # the Space's LIVERSEG_REGISTRY
    preloaded: tuple[str, ...]  # references of the checkpoints that are there when the Space starts
    files: Mapping[str, int] = field(repr=False)  # name -> bytes
    unchanged: bool = False  # all of it was so already, and nothing was done
    notes: tuple[str, ...] = ()  # what is left to do by hand, one sentence each


def push_space(
    space: str,
    registry: str | None = None,
    *,
    refs: Sequence[str] = (),
    hardware: str | None = None,
    private: bool = False,
    dry_run: bool = False,
    token: str | None = None,
    root: Path = ROOT,
    progress: Progress | None = None,
) -> SpacePushed:
    """Makes the Space `owner/name` hold this project, serving the checkpoints of `registry`.

    The files go into one commit, files of an earlier push that are gone go with it; then the Space's variable
    `LIVERSEG_REGISTRY` is set to `registry` (by default that of this process, else the bundled checkpoints,
    which are sent along only if it names them). Checkpoints on the Hub are fetched when the Space is built,
    pinned by commit: those of `refs`, by default the newest version of each. Pushing the same again does
    nothing, and a push that broke off may be repeated. With `dry_run` nothing is sent.

    `hardware` is a key of `content.HARDWARE`, by default what the Space has, and `cpu-basic` for a new
    one. `token` is by default `HF_TOKEN` or that of `hf auth login`; no file that holds it is sent.

    Raises `PushRefused` for a name, a registry or files that are not fit for a Space, `CheckpointNotFound`
    for a reference that there is not, `HubRefused` or `HubUnreachable` for what the Hub does.
    """
    owner, _, name = space.partition("/")
    if not is_owner(owner) or not _NAME.fullmatch(name) or "--" in name or ".." in name:
        raise PushRefused(f"A Space is named owner/name, not '{one_line(space, 60)}'.")
    if is_offline():
        raise PushRefused("Nothing can be published while HF_HUB_OFFLINE is set.")
    places = _places(registry)
    checkpoints = _chosen(open_registries(",".join(places)), refs)
    repository = Repository(api(token), space, "space")
    head = None if dry_run else repository.state(private)[1]
    flavour = hardware or (_flavour(repository) if head else None) or next(iter(HARDWARE))
    public, notes = _public(repository, checkpoints)
    names = space_files(
        project_files(root), (root / CARD).read_text(encoding="utf-8"), with_bundled=BUNDLED in places
    )
    files = read_files(root, names, [token or token_in_use() or ""])
    content = space_content(files, _needs(flavour), public, checkpoints)
    plan = SpacePushed(
        space,
        repository.address(),
        head,
        flavour,
        ",".join(places),
        tuple(checkpoint.ref for checkpoint in public),
        {name: len(data) for name, data in sorted(content.items())},
        notes=tuple(notes),
    )
    return plan if dry_run else _publish(repository, plan, content, private, hardware, progress or _silent)


def _publish(
    repository: Repository,
    plan: SpacePushed,
    content: Mapping[str, bytes],
    private: bool,
    hardware: str | None,
    progress: Progress,
) -> SpacePushed:
    """Creates the Space if there is none; then its files, variable and hardware, each if it differs."""
    head, is_changed = plan.revision, False
    if head is None:
        settings = {"space_variables": [{"key": ENVIRONMENT, "value": plan.registry}], "space_sdk": "gradio"}
        if plan.hardware != next(iter(HARDWARE)):
            settings["space_hardware"] = plan.hardware
        head, is_changed = repository.create(private, **settings), True
    there = {name for name in repository.files(head) if not name.startswith(".") and name != CARD}
    if there and OWN_FILE not in there:
        raise PushRefused(
            f"The {repository.name} holds something else already; give the new one another name."
        )
    commit = repository.replace(content, head, "Publish liverseg", progress)
    with told(f"{repository.name} to write to"):
        variables = repository.client.get_space_variables(repository.id)
        if ENVIRONMENT not in variables or variables[ENVIRONMENT].value != plan.registry:
            repository.client.add_space_variable(repository.id, ENVIRONMENT, plan.registry)
            is_changed = True
        if hardware is not None and _flavour(repository) not in (hardware, None):
            repository.client.request_space_hardware(repository.id, hardware)
            is_changed = True
    return dataclasses.replace(plan, revision=commit or head, unchanged=not (commit or is_changed))


def _places(registry: str | None) -> list[str]:
    """The registries that a Space can see; raises `PushRefused` for a folder of this machine."""
    places = []
    for place in places_of(registry):
        if owner_of(place) is None and place != BUNDLED:
            raise PushRefused(
                f"A Space does not see the folder {one_line(Path(place).name, 60)} of this machine; push its "
                "checkpoints to hf://owner and name that as the registry."
            )
        places.append(place)
    return places


def _chosen(registries: Registries, refs: Sequence[str]) -> list[Checkpoint]:
    """The checkpoints on the Hub to have at hand: those named, else the newest version of each."""
    if refs:
        found = [registries.find(ref) for ref in refs]
    else:
        newest: dict[str, Checkpoint] = {}
        for checkpoint in registries.list():
            newest.setdefault(checkpoint.manifest.name, checkpoint)
        found = list(newest.values())
    for problem in registries.problems:
        if not problem.where:
            raise RegistryUnreadable(str(problem))
    if not found:
        places = one_line(", ".join(registries.names))
        raise PushRefused(f"There is no checkpoint in {places} yet; push one before the Space.")
    return [checkpoint for checkpoint in found if checkpoint.registry.startswith(SCHEME)]


def _public(repository: Repository, checkpoints: Sequence[Checkpoint]) -> tuple[list[Checkpoint], list[str]]:
    """The checkpoints that the Hub can fetch as it builds the Space, and a note for each that it cannot."""
    public, notes = [], []
    for checkpoint in checkpoints:
        model = f"{checkpoint.registry.removeprefix(SCHEME)}/{checkpoint.manifest.name}"
        with told(model):
            is_private = repository.client.model_info(model).private
        if is_private:
            notes.append(
                f"{model} is private: the Space finds it only with a secret HF_TOKEN that may read it, which "
                "you set on the Hub, and it is not fetched when the Space is built."
            )
        else:
            public.append(checkpoint)
    return public, notes


def _flavour(repository: Repository) -> str | None:
    """The hardware that a Space has or was promised."""
    with told(repository.name):
        runtime = repository.client.get_space_runtime(repository.id)
        hardware: str | None = runtime.requested_hardware or runtime.hardware
        return hardware


def _needs(flavour: str) -> Hardware:
    """What hardware needs; any that is not in the list takes what the CPU takes."""
    return HARDWARE.get(flavour) or dataclasses.replace(next(iter(HARDWARE.values())), flavour=flavour)


def _silent(name: str, done: int, total: int) -> None:
    """Progress that nobody watches."""
