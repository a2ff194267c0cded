"""The files for GitHub: they parse, and what they name exists. CITATION.cff has the version."""

from __future__ import annotations

import os
import re
from pathlib import Path

import pytest
import yaml

import liverseg

ROOT = Path(__file__).parents[2]
GITHUB = ROOT / ".github"


def load(path: Path) -> dict:
    return yaml.safe_load(path.read_text(encoding="utf-8"))


def test_the_workflow_runs_commands_that_exist() -> None:
    workflow = load(GITHUB / "workflows" / "tests.yml")
    jobs = workflow["jobs"]
    assert jobs.keys() == {"lint", "test", "wheel"} and workflow["permissions"] == {"contents": "read"}
    commands = {name: [step["run"] for step in job["steps"] if "run" in step] for name, job in jobs.items()}
    targets = set(re.findall(r"^([a-z-]+):", (ROOT / "Makefile").read_text(), re.MULTILINE))
    assert commands["lint"] == ["make lint PYTHON=python"] and "lint" in targets
    assert commands["test"][-1] == ".ci/run" and commands["wheel"] == [".ci/wheel dist"]
    for script in (ROOT / ".ci" / "run", ROOT / ".ci" / "wheel"):
        assert os.access(script, os.X_OK)
    assert (
        "make lint" in (ROOT / ".ci" / "run").read_text()
        and "make test" in (ROOT / ".ci" / "run").read_text()
    )
    versions = [
        step["with"]["python-version"]
        for job in jobs.values()
        for step in job["steps"]
        if "python-version" in step.get("with", {})
    ]
    assert set(versions) == {"3.11"}
    for step in (step for job in jobs.values() for step in job["steps"]):
        assert len(step.keys() & {"run", "uses"}) == 1 and re.fullmatch(
            r"actions/[\w-]+@v\d+", step.get("uses", "actions/x@v1")
        )


@pytest.mark.parametrize("form", ["problem.yml", "request.yml"])
def test_the_issue_forms_ask_for_the_version_and_warn_of_patient_data(form: str) -> None:
    content = load(GITHUB / "ISSUE_TEMPLATE" / form)
    assert {"name", "description", "body"} <= content.keys()
    fields = {field["id"]: field for field in content["body"] if "id" in field}
    assert len(fields) == sum(field["type"] != "markdown" for field in content["body"])
    for field in content["body"]:
        assert field["type"] in {"markdown", "input", "textarea", "checkboxes"}
        assert ("value" if field["type"] == "markdown" else "label") in field["attributes"]
    assert fields["version"]["validations"]["required"]
    assert "Never post patient data" in content["body"][0]["attributes"]["value"]
    if form == "problem.yml":
        assert fields["report"]["attributes"]["label"] == "report.json"
        assert fields["no-patient-data"]["attributes"]["options"][0]["required"]


def test_the_citation_names_the_version_and_the_data() -> None:
    citation = load(ROOT / "CITATION.cff")
    assert citation["cff-version"] == "1.2.0" and citation["version"] == liverseg.__version__
    assert {"message", "title", "authors"} <= citation.keys()
    titles = [reference["title"] for reference in citation["references"]]
    assert len(titles) == 2 and any("LiTS" in title for title in titles)
