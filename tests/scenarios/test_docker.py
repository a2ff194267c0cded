"""The files for Docker: they parse, and what they name exists."""

from __future__ import annotations

import re
import shlex
from pathlib import Path

import yaml

ROOT = Path(__file__).parents[2]
DOCKERFILE = (ROOT / "Dockerfile").read_text(encoding="utf-8")
INSTRUCTIONS = [
    tuple(line.split(maxsplit=1))
    for line in re.sub(r"\\\n", " ", re.sub(r"^\s*#.*\n", "", DOCKERFILE, flags=re.MULTILINE)).splitlines()
    if line.strip()
]


def load(path: Path) -> dict:
    return yaml.safe_load(path.read_text(encoding="utf-8"))


def of(keyword: str) -> list[str]:
    """The arguments of a Dockerfile's instructions of a kind, in order."""
    return [text for name, text in INSTRUCTIONS if name == keyword]


def test_the_image_copies_what_exists_and_the_context_has_it() -> None:
    ignored = (ROOT / ".dockerignore").read_text(encoding="utf-8").splitlines()
    allowed = {line[1:] for line in ignored if line.startswith("!")}
    copied = {name for text in of("COPY") if not text.startswith("--from") for name in shlex.split(text)[:-1]}
    assert copied == allowed and all((ROOT / name).exists() for name in copied)
    assert ignored[1] == "*" and {"liverseg", "registry", "train", "pyproject.toml"} <= copied


def test_the_image_runs_as_a_user_on_the_port_that_its_health_check_asks() -> None:
    assert [text for name, text in INSTRUCTIONS if name == "USER"] == ["1000:1000"]
    names = [name for name, _ in INSTRUCTIONS]
    assert names.index("USER") > names.index("ENV")
    assert not any(name in ("RUN", "COPY") for name in names[names.index("USER") :])
    assert of("FROM") == ["debian:bookworm-slim AS build", "debian:bookworm-slim"]
    (port,) = of("EXPOSE")
    (health,) = of("HEALTHCHECK")
    assert of("ENTRYPOINT") == ['["liverseg"]'] and of("CMD") == [f'["serve", "--port", "{port}"]']
    assert f"http://127.0.0.1:{port}/'" in health
    fetched = " ".join(of("RUN") + of("ADD"))
    assert not re.search(r"\b(curl|wget|git clone)\b", fetched) and not of("ADD")


def test_the_image_installs_the_cpu_build_of_the_pinned_torch() -> None:
    (install,) = (text for text in of("RUN") if "requirements.txt" in text)
    assert "s/^torch==.*/&+cpu/" in install and "--constraint constraints.txt" in install
    assert re.search(r"^torch==[0-9.]+$", (ROOT / "requirements.txt").read_text(), re.MULTILINE)
    assert of("ARG") == ["TORCH_INDEX=https://download.pytorch.org/whl/cpu"]


def test_compose_serves_the_page_to_this_machine_with_few_rights() -> None:
    (service,) = load(ROOT / "compose.yaml")["services"].values()
    assert service["build"] == "." and service["ports"] == ["127.0.0.1:7860:7860"]
    assert service["read_only"] and service["cap_drop"] == ["ALL"] and service["tmpfs"] == ["/tmp"]
    assert service["security_opt"] == ["no-new-privileges:true"]
    (volume,) = service["volumes"]
    assert of("VOLUME") == [volume.split(":")[1]] == ["/cache"]
    assert volume.split(":")[0] in load(ROOT / "compose.yaml")["volumes"]
