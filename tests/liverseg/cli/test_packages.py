"""`liverseg registry …` and `liverseg train …`."""

from __future__ import annotations

import pytest

from liverseg.__main__ import main


def test_the_arguments_reach_the_package_and_its_status_is_returned(monkeypatch):
    received = []
    for package, status in (("registry", 3), ("train", 4)):
        monkeypatch.setattr(f"{package}.__main__.main", lambda rest, s=status: received.append(rest) or s)
    assert main(["registry", "show", "b0", "--json"]) == 3
    assert main(["train", "--help"]) == 4
    assert received == [["show", "b0", "--json"], ["--help"]]


def test_a_missing_package_is_one_sentence(monkeypatch, capsys):
    def needs(name):
        def fail(arguments):
            raise ModuleNotFoundError(f"No module named {name!r}", name=name)

        return fail

    monkeypatch.setattr("train.__main__.main", needs("accelerate.utils"))
    assert main(["train", "fit"]) == 1
    error = capsys.readouterr().err
    assert error == (
        "liverseg train needs the package accelerate; install it with: pip install 'liverseg[train]'\n"
    )
    monkeypatch.setattr("train.__main__.main", needs("train.absent"))  # a fault of this project
    with pytest.raises(ModuleNotFoundError):
        main(["train", "fit"])
