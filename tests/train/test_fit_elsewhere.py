"""Training on clusters and in notebooks: sbatch with stand-ins for Slurm, the notebook as it is."""

import contextlib
import json
import os
import shlex
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from benchmarks import fit as benchmark
from liverseg.__main__ import main as liverseg_main
from train.__main__ import main

ROOT = Path(__file__).parents[2]
SBATCH = ROOT / "train" / "slurm" / "fit.sbatch"
NOTEBOOK = ROOT / "train" / "notebooks" / "liverseg_fit.ipynb"

SRUN = """#!/bin/bash
while [[ "$1" == --* ]]; do shift; done
echo $$ > "$FAKE/step"
for ((i = 1; i < SLURM_NTASKS; i++)); do SLURM_PROCID=$i SLURM_LOCALID=$i "$@" & done
SLURM_PROCID=0 SLURM_LOCALID=0 exec "$@"
"""
PYTHON = """#!/bin/bash
trap 'echo saved >> "$FAKE/told"; exit 1' USR1
echo "${RANK:-none} ${LOCAL_RANK:-none} ${WORLD_SIZE:-none} $MASTER_ADDR $*" >> "$FAKE/told"
for ((i = 0; i < $FAKE_TENTHS; i++)); do sleep 0.1; done
exit $FAKE_STATUS
"""
SCONTROL = """#!/bin/bash
if [ "$1" = requeue ]; then echo "requeued $2" >> "$FAKE/told"; else printf 'node1\\nnode2\\n'; fi
"""
SCANCEL = '#!/bin/bash\nkill -USR1 "$(cat "$FAKE/step")"\n'


@pytest.fixture
def slurm(tmp_path):
    """The environment of a job, with stand-ins for Slurm's commands and for Python."""
    stand_ins = {"srun": SRUN, "python": PYTHON, "scontrol": SCONTROL, "scancel": SCANCEL}
    for name, text in stand_ins.items():
        (tmp_path / name).write_text(text)
        (tmp_path / name).chmod(0o755)
    return {
        **os.environ,
        "PATH": f"{tmp_path}:{os.environ['PATH']}",
        "FAKE": str(tmp_path),
        "FAKE_TENTHS": "0",
        "FAKE_STATUS": "0",
        "PYTHON": str(tmp_path / "python"),
        "SLURM_JOB_ID": "123456",
        "SLURM_JOB_NODELIST": "node[1-2]",
        "SLURM_NTASKS": "1",
        "SLURM_NNODES": "1",
        "SLURM_SUBMIT_DIR": str(ROOT),
    }


def told(slurm):
    path = Path(slurm["FAKE"]) / "told"
    return path.read_text().splitlines() if path.exists() else []


def test_the_job_hands_its_arguments_to_fit(slurm):
    done = subprocess.run(["bash", SBATCH, "--out", "runs/a b"], env=slurm, timeout=60)
    assert done.returncode == 0
    assert told(slurm) == ["none none none node1 -m train fit --out runs/a b"]


def test_every_task_knows_its_place(slurm):
    done = subprocess.run(["bash", SBATCH], env={**slurm, "SLURM_NTASKS": "2"}, timeout=60)
    assert done.returncode == 0
    deadline = time.monotonic() + 30
    while len(told(slurm)) < 2 and time.monotonic() < deadline:
        time.sleep(0.05)
    assert sorted(told(slurm)) == [f"{n} {n} 2 node1 -m train fit" for n in range(2)]


def test_a_job_whose_time_is_up_saves_and_is_queued_again(slurm):
    job = subprocess.Popen(["bash", SBATCH], env={**slurm, "FAKE_TENTHS": "600"})
    deadline = time.monotonic() + 30
    while not told(slurm) and time.monotonic() < deadline:
        time.sleep(0.05)
    job.send_signal(signal.SIGUSR1)
    assert job.wait(timeout=60) == 0
    assert told(slurm)[1:] == ["saved", "requeued 123456"]


def test_a_job_that_is_refused_is_not_queued_again(slurm):
    done = subprocess.run(["bash", SBATCH], env={**slurm, "FAKE_STATUS": "1"}, timeout=60)
    assert done.returncode == 1 and len(told(slurm)) == 1


def test_the_job_asks_for_what_it_relies_on():
    asked = [line for line in SBATCH.read_text().splitlines() if line.startswith("#SBATCH")]
    assert {"#SBATCH --requeue", "#SBATCH --signal=B:USR1@180", "#SBATCH --open-mode=append"} <= set(asked)


def test_the_notebook_runs_from_phantoms_to_a_segmentation(tmp_path, monkeypatch, capsys):
    """Every code cell is executed; its commands run in this process, on tiny settings."""
    cells = json.loads(NOTEBOOK.read_text(encoding="utf-8"))["cells"]
    sources = ["".join(cell["source"]) for cell in cells if cell["cell_type"] == "code"]
    ran = []

    def run_here(command):
        python, dash_m, package, *arguments = shlex.split(command)
        assert (python, dash_m) == (sys.executable, "-m"), command
        ran.append(f"{package} {arguments[0]}")
        if arguments[0] == "prepare":
            arguments += ["--jobs", "1"]
        assert {"train": main, "liverseg": liverseg_main}[package](arguments) == 0, command

    tiny = {
        "PHANTOMS": 2,
        "SAMPLES": 4,
        "WORKING_SIZE": 64,
        "WORK": tmp_path,
        "sh": run_here,
        "FIT_OPTIONS": "--option decoder_width=16 --crop 32 --working-range 40 60 --batch 4 --workers 0 "
        "--threads 1 --pictures 1",
    }
    monkeypatch.setenv("LIVERSEG_SOURCE", "phantom:2")
    monkeypatch.setenv("LIVERSEG_REGISTRY", "")
    monkeypatch.chdir(ROOT / "train" / "notebooks")
    names: dict = {"__name__": "notebook"}
    with contextlib.redirect_stdout(sys.stderr):
        exec(sources[0], names)  # noqa: S102
        assert set(tiny) <= set(names)
        names.update(tiny)
        for source in sources[1:]:
            exec(source, names)  # noqa: S102
    assert ran == [f"train {name}" for name in ("prepare", "fit", "export", "evaluate")] + [
        "liverseg phantom",
        "liverseg segment",
    ]
    assert "report.json" in {path.name for path in (tmp_path / "result").iterdir()}


def test_the_notebook_is_clean():
    """No outputs, no counts: they would name the machine that ran it."""
    for cell in json.loads(NOTEBOOK.read_text(encoding="utf-8"))["cells"]:
        assert cell["cell_type"] == "markdown" or (not cell["outputs"] and cell["execution_count"] is None)


def test_the_benchmark_measures_both_recipes(tmp_path):
    assert main(["prepare", "phantom:2", str(tmp_path / "data"), "--jobs", "1"]) == 0
    work = benchmark.Work(tmp_path / "data", size=32, batch=2, steps=1, workers=0)
    result = benchmark.measure(work, rounds=1)
    assert result["ratio"] == pytest.approx(result["median"]["ours"] / result["median"]["plain"], rel=0.01)
    assert result["median"]["plain"] > 0 and benchmark.table(result).count("\n") == 3
