"""Create or update a Gradio Space of this project on the Hugging Face Hub."""

from __future__ import annotations

import dataclasses
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from registry.checkpoint import Checkpoint
from registry.errors import PushRefused, RegistryUnreadable
from registry.hub.client import SCHEME, api, is_offline, is_owner, owner_of, token_in_use
from registry.hub.errors import translate_hub_errors
from registry.hub.repository import Repository
from registry.progress import Progress, no_progress
from registry.registries import BUNDLED, REGISTRY_VARIABLE, Registries, open_registries, registry_addresses
from registry.space.content import (
    HARDWARE,
    README,
    ROOT,
    Hardware,
    project_files,
    read_files,
    space_content,
    space_files,
)
from registry.text import one_line

MARKER_FILE = "liverseg/__init__.py"
"""A Space that holds files but not this one belongs to another project."""

_NAME = re.compile(r"[A-Za-z0-9](?:[\w.-]{0,94}[A-Za-z0-9])?", re.ASCII)


@dataclass(frozen=True)
class SpaceSettings:
    """The settings of a Space."""

    registry: str | None = None  # comma-separated addresses; None: LIVERSEG_REGISTRY, else bundled
    refs: tuple[str, ...] = ()  # checkpoints on the Hub to preload; empty: the newest version of each
    hardware: str | None = None  # a key of HARDWARE; None: that of the Space, cpu-basic for a new one
    private: bool = False


@dataclass(frozen=True)
class SpacePushed:
    """The result of publishing a Space, or the plan of a dry run."""

    space: str  # owner/name
    location: str  # the Space's URL
    revision: str | None  # full commit hash of its files; None where nothing was sent
    hardware: str
    registry: str  # the Space's LIVERSEG_REGISTRY
    preloaded: tuple[str, ...]  # references of the checkpoints that the Space has when it starts
    files: Mapping[str, int] = field(repr=False)  # name -> bytes
    unchanged: bool = False  # True if the Space was up to date
    notes: tuple[str, ...] = ()  # steps left for the user, one sentence each


def push_space(
    space: str,
    settings: SpaceSettings,
    *,
    dry_run: bool = False,
    root: Path = ROOT,
    progress: Progress | None = None,
) -> SpacePushed:
    """Publish this project as the Space `owner/name`, which serves the checkpoints of `settings.registry`.

    One commit adds the files and removes those of an earlier push that are gone; then the Space's variable
    `LIVERSEG_REGISTRY` is set. The bundled checkpoints are sent only if the registry includes them.
    Checkpoints on the Hub are fetched when the Space is built, pinned by commit. Pushing the same again does
    nothing, and an interrupted push can be repeated. With `dry_run` nothing is sent. No file that contains
    the token is sent. `root` is the project's folder.

    Raises `PushRefused` for a name, a registry or files that are not fit for a Space, `CheckpointNotFound`
    for an unknown reference, `HubRefused` or `HubUnreachable` for errors of the Hub.
    """
    owner, _, name = space.partition("/")
    if not is_owner(owner) or not _NAME.fullmatch(name) or "--" in name or ".." in name:
        raise PushRefused(f"A Space is named owner/name, not '{one_line(space, 60)}'.")
    project = project_files(root)
    if is_offline():
        raise PushRefused("Nothing can be published while HF_HUB_OFFLINE is set.")
    addresses = _visible_registries(settings.registry)
    checkpoints = _hub_checkpoints(open_registries(",".join(addresses)), settings.refs)
    repository = Repository(api(), space, "space")
    head = None if dry_run else repository.state(settings.private)[1]
    flavour = settings.hardware or (_flavour(repository) if head else None) or next(iter(HARDWARE))
    public, notes = _public_checkpoints(repository, checkpoints)
    readme = (root / README).read_text(encoding="utf-8")
    names = space_files(project, readme, with_bundled=BUNDLED in addresses)
    files = read_files(root, names, [token_in_use() or ""])
    content = space_content(files, hardware_of(flavour), public, checkpoints)
    plan = SpacePushed(
        space,
        repository.url(),
        head,
        flavour,
        ",".join(addresses),
        tuple(checkpoint.ref for checkpoint in public),
        {name: len(data) for name, data in sorted(content.items())},
        notes=tuple(notes),
    )
    return plan if dry_run else _publish(repository, plan, content, settings, progress or no_progress)


def _publish(
    repository: Repository,
    plan: SpacePushed,
    content: Mapping[str, bytes],
    settings: SpaceSettings,
    progress: Progress,
) -> SpacePushed:
    """Create the Space if necessary; then update its files, variable and hardware where they differ."""
    head, is_changed = plan.revision, False
    if head is None:
        options = {
            "space_variables": [{"key": REGISTRY_VARIABLE, "value": plan.registry}],
            "space_sdk": "gradio",
        }
        if plan.hardware != next(iter(HARDWARE)):
            options["space_hardware"] = plan.hardware
        head, is_changed = repository.create(settings.private, **options), True
    existing = {name for name in repository.files(head) if not name.startswith(".") and name != README}
    if existing and MARKER_FILE not in existing:
        raise PushRefused(f"The {repository.name} holds something else already; choose another name.")
    commit = repository.replace(content, head, "Publish liverseg", progress)
    hardware = settings.hardware
    with translate_hub_errors(f"{repository.name} to write to"):
        variables = repository.client.get_space_variables(repository.id)
        if REGISTRY_VARIABLE not in variables or variables[REGISTRY_VARIABLE].value != plan.registry:
            repository.client.add_space_variable(repository.id, REGISTRY_VARIABLE, plan.registry)
            is_changed = True
        if hardware is not None and _flavour(repository) not in (hardware, None):
            repository.client.request_space_hardware(repository.id, hardware)
            is_changed = True
    return dataclasses.replace(plan, revision=commit or head, unchanged=not (commit or is_changed))


def _visible_registries(registry: str | None) -> list[str]:
    """The addresses of the registries; raises `PushRefused` for a folder, which a Space cannot see."""
    addresses = registry_addresses(registry)
    for address in addresses:
        if owner_of(address) is None and address != BUNDLED:
            raise PushRefused(
                f"A Space does not see the folder {one_line(Path(address).name, 60)} of this machine; push "
                "its checkpoints to hf://owner and name that as the registry."
            )
    return addresses


def _hub_checkpoints(registries: Registries, refs: Sequence[str]) -> list[Checkpoint]:
    """The checkpoints on the Hub to preload: those of `refs`, by default the newest version of each."""
    if refs:
        checkpoints = [registries.find(ref) for ref in refs]
    else:
        newest: dict[str, Checkpoint] = {}
        for checkpoint in registries.list():
            newest.setdefault(checkpoint.manifest.name, checkpoint)
        checkpoints = list(newest.values())
    for problem in registries.problems:
        if not problem.where:
            raise RegistryUnreadable(str(problem))
    if not checkpoints:
        names = one_line(", ".join(registries.names))
        raise PushRefused(f"There is no checkpoint in {names} yet; push one before the Space.")
    return [checkpoint for checkpoint in checkpoints if checkpoint.registry.startswith(SCHEME)]


def _public_checkpoints(
    repository: Repository, checkpoints: Sequence[Checkpoint]
) -> tuple[list[Checkpoint], list[str]]:
    """The checkpoints that the Hub can fetch when it builds the Space, and a note for each private one."""
    public, notes = [], []
    for checkpoint in checkpoints:
        model = f"{checkpoint.registry.removeprefix(SCHEME)}/{checkpoint.manifest.name}"
        with translate_hub_errors(model):
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
    """The hardware that the Space has requested or runs on."""
    with translate_hub_errors(repository.name):
        runtime = repository.client.get_space_runtime(repository.id)
        hardware: str | None = runtime.requested_hardware or runtime.hardware
        return hardware


def hardware_of(flavour: str) -> Hardware:
    """The hardware of a flavour; an unknown one has the versions of the CPU, and torch from PyPI on a GPU."""
    cpu = next(iter(HARDWARE.values()))
    index = cpu.torch_index if flavour.startswith("cpu-") else None
    return HARDWARE.get(flavour) or dataclasses.replace(cpu, flavour=flavour, torch_index=index)
