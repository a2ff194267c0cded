"""The commands of `python -m registry`: what they find out, as data and as text."""

from __future__ import annotations

import argparse
import dataclasses
import json
import sys
from typing import Any

from registry.checkpoint import Checkpoint
from registry.progress import Meter, size_text
from registry.pull import Pulled, pull
from registry.push import push
from registry.registries import ENVIRONMENT, Registries
from registry.text import one_line
from registry.verify import CheckResult, verify


def summary(checkpoint: Checkpoint) -> dict[str, Any]:
    """One entry of `list --json`."""
    manifest = checkpoint.manifest
    return {
        "ref": checkpoint.ref,
        "name": manifest.name,
        "version": manifest.version,
        "architecture": manifest.architecture,
        "metrics": manifest.metrics,
        "licence": manifest.licence,
        "sha256": checkpoint.sha256,
        "registry": checkpoint.registry,
        "revision": checkpoint.revision,
    }


def list_text(checkpoints: list[Checkpoint]) -> str:
    """The table of `list`."""
    rows = [("CHECKPOINT", "ARCHITECTURE", "LIVER DICE", "TUMOUR DICE", "LICENCE", "REGISTRY")]
    for checkpoint in checkpoints:
        headline = checkpoint.manifest.headline()
        rows.append(
            (
                checkpoint.ref,
                checkpoint.manifest.architecture,
                dice_text(headline["liver"]),
                dice_text(headline["tumour"]),
                one_line(checkpoint.manifest.licence, 40),
                one_line(checkpoint.registry, 40),
            )
        )
    widths = [max(len(row[i]) for row in rows) for i in range(len(rows[0]))]
    return "\n".join("  ".join(c.ljust(w) for c, w in zip(row, widths, strict=True)).rstrip() for row in rows)


def dice_text(value: float | None) -> str:
    """A Dice with three digits, or a dash where it was not measured.

    >>> dice_text(0.92449), dice_text(None)
    ('0.924', '-')
    """
    return "-" if value is None else f"{value:.3f}"


def show_data(checkpoint: Checkpoint) -> dict[str, Any]:
    """What `show --json` prints: the manifest, and where it was found."""
    return {
        "ref": checkpoint.ref,
        "sha256": checkpoint.sha256,
        "registry": checkpoint.registry,
        "revision": checkpoint.revision,
        "manifest": checkpoint.manifest.to_dict(),
    }


def show_text(checkpoint: Checkpoint) -> str:
    """What `show` prints."""
    m, headline = checkpoint.manifest, checkpoint.manifest.headline()
    windows = ", ".join(f"{w.center_hu:g}/{w.width_hu:g}" for w in m.input.windows)
    spacing = (
        "any" if m.input.spacing_mm is None else " × ".join(f"{s:g}" for s in m.input.spacing_mm) + " mm"
    )
    lines = [
        ("checkpoint", checkpoint.ref + (f"  {m.title}" if m.title else "")),
        ("registry", checkpoint.registry + (f" at {checkpoint.revision}" if checkpoint.revision else "")),
        ("sha256", checkpoint.sha256),
        ("architecture", m.architecture),
        ("input", f"{m.input.kind}, {m.input.context_slices} slices of context, {m.input.working_size} px"),
        ("windows", f"{windows} HU (centre/width)"),
        ("spacing", spacing),
        ("tumour from", f"a probability of {m.tumour_threshold:g}"),
        ("liver Dice", f"{dice_text(headline['liver'])} (n = {_n(headline['liver_n'])})"),
        ("tumour Dice", f"{dice_text(headline['tumour'])} (n = {_n(headline['tumour_n'])})"),
        ("measured on", f"{headline['dataset']}, {headline['split']}: {headline['protocol']}"),
        ("trained on", ", ".join(f"{d['name']} ({d['licence']})" for d in m.training["datasets"])),
        ("samples seen", str(m.training["samples_seen"])),
        ("licence", m.licence),
        ("torch", m.torch_version),
        ("created", m.created),
        ("files", ", ".join(f"{name} ({record.bytes} bytes)" for name, record in sorted(m.files.items()))),
    ]
    return "\n".join(f"{key:<14}{one_line(value, 1000)}" for key, value in lines)


def verify_data(checkpoint: Checkpoint, results: list[CheckResult]) -> dict[str, Any]:
    """What `verify --json` prints."""
    return {
        "ref": checkpoint.ref,
        "ok": all(result.ok for result in results),
        "checks": [{"name": r.name, "ok": r.ok, "detail": r.detail} for r in results],
    }


def verify_text(results: list[CheckResult]) -> str:
    """A line a check."""
    width = max(len(result.name) for result in results)
    return "\n".join(f"{'ok' if r.ok else 'FAILED':<8}{r.name:<{width}}  {r.detail}" for r in results)


def run(command: str, ref: str, registries: Registries, as_json: bool) -> tuple[str, list[str], int]:
    """What to print on stdout, what on stderr, and the exit status. Raises `RegistryError`."""
    if command == "list":
        checkpoints = registries.list()
        warnings = [str(problem) for problem in registries.problems]
        text = _json([summary(c) for c in checkpoints]) if as_json else list_text(checkpoints)
        return text, warnings, 1 if warnings and not checkpoints else 0
    checkpoint = registries.find(ref)
    if command == "show":
        return (_json(show_data(checkpoint)) if as_json else show_text(checkpoint)), [], 0
    if command == "pull":
        pulled = pull(checkpoint, progress=Meter(sys.stderr))
        return _json(dataclasses.asdict(pulled)) if as_json else pull_text(pulled), [], 0
    results = verify(checkpoint)
    text = _json(verify_data(checkpoint, results)) if as_json else verify_text(results)
    failed = [r.name for r in results if not r.ok]
    return text, [f"{checkpoint.ref} failed: {', '.join(failed)}."] if failed else [], 1 if failed else 0


def pull_text(pulled: Pulled) -> str:
    """What `pull` prints."""
    place = pulled.registry + (f" at {pulled.revision}" if pulled.revision else "")
    done = f"fetched {len(pulled.fetched)} files from" if pulled.fetched else "is complete, from"
    return f"{pulled.ref} {done} {place}: {pulled.location}"


def run_push(folder: str, target: str, private: bool, as_json: bool) -> str:
    """What `push` prints on stdout, its progress going to stderr. Raises `RegistryError`."""
    pushed = push(folder, target, private=private, progress=Meter(sys.stderr))
    if as_json:
        return _json(dataclasses.asdict(pushed))
    return f"{pushed.ref} {'was there already' if pushed.unchanged else 'published'}: {pushed.location}"


def run_space(options: argparse.Namespace) -> tuple[str, list[str]]:
    """What `space` prints on stdout, and what on stderr beside its progress. Raises `RegistryError`."""
    from registry.space.push import push_space

    pushed = push_space(
        options.space,
        options.registry,
        refs=options.checkpoints or (),
        hardware=options.hardware,
        private=options.private,
        dry_run=options.dry_run,
        progress=Meter(sys.stderr),
    )
    if options.json:
        return _json(dataclasses.asdict(pushed)), list(pushed.notes)
    size = f"{len(pushed.files)} files, {size_text(sum(pushed.files.values()))}"
    lines = [
        ("hardware", pushed.hardware),
        (ENVIRONMENT, pushed.registry),
        ("at hand", ", ".join(pushed.preloaded) or "nothing from the Hub"),
    ]
    if options.dry_run:
        head = f"Space {pushed.space} would hold {size}:"
        lines += [(size_text(count), name) for name, count in pushed.files.items()]
    else:
        done = "was so already" if pushed.unchanged else f"published, {size}"
        head = f"Space {pushed.space} {done}: {pushed.location}"
    return "\n".join([head, *(f"  {key:<18}{one_line(value, 1000)}" for key, value in lines)]), list(
        pushed.notes
    )


def _json(value: Any) -> str:
    return json.dumps(value, indent=2, ensure_ascii=False)


def _n(value: int | None) -> str:
    return "-" if value is None else str(value)
