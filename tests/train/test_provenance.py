"""The commit and the machine that are recorded with results."""

from __future__ import annotations

import os
import platform
import subprocess

import pytest
import torch

from train import provenance


@pytest.fixture
def checkout(tmp_path, monkeypatch):
    """A folder in which the module seems to lie."""
    for name in ("GIT_DIR", "GIT_WORK_TREE"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("GIT_CEILING_DIRECTORIES", str(tmp_path.parent))
    monkeypatch.setattr(provenance, "__file__", str(tmp_path / "train" / "provenance.py"))
    (tmp_path / "train").mkdir()
    return tmp_path


def test_the_commit_is_that_of_the_checkout_and_not_of_the_working_directory(checkout):
    git = ["git", "-c", "user.name=A", "-c", "user.email=a@example.org", "-C", str(checkout)]
    subprocess.run([*git, "init", "-q", "-b", "main"], check=True)
    subprocess.run([*git, "commit", "-q", "--allow-empty", "--no-verify", "-m", "Begin"], check=True)
    stored = (checkout / ".git" / "refs" / "heads" / "main").read_text().strip()
    assert provenance.commit() == stored and len(stored) == 40


def test_the_commit_is_unknown_outside_a_checkout_and_without_git(checkout, monkeypatch):
    assert provenance.commit() == "unknown"
    monkeypatch.setenv("PATH", str(checkout))
    assert provenance.commit() == "unknown"


def test_the_hardware_is_the_gpus_or_else_the_usable_cpu_cores(monkeypatch):
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    monkeypatch.setattr(os, "sched_getaffinity", lambda process: {0, 2, 5})
    monkeypatch.setattr(platform, "machine", lambda: "x86_64")
    assert provenance.hardware() == "3 x86_64 CPU cores"
    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    monkeypatch.setattr(torch.cuda, "device_count", lambda: 2)
    monkeypatch.setattr(torch.cuda, "get_device_name", lambda: "NVIDIA H200")
    assert provenance.hardware() == "2 × NVIDIA H200"


def test_uncommitted_changes_are_noticed(checkout, monkeypatch):
    git = ["git", "-c", "user.name=A", "-c", "user.email=a@example.org", "-C", str(checkout)]
    subprocess.run([*git, "init", "-q", "-b", "main"], check=True)
    (checkout / "file").write_text("one")
    subprocess.run([*git, "add", "file"], check=True)
    subprocess.run([*git, "commit", "-q", "--no-verify", "-m", "Begin"], check=True)
    assert provenance.dirty() is False
    (checkout / "other").write_text("not tracked")
    assert provenance.dirty() is False
    (checkout / "file").write_text("two")
    assert provenance.dirty() is True
    monkeypatch.setenv("PATH", str(checkout))
    assert provenance.dirty() is None
