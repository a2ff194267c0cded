"""Training on clusters and in notebooks: sbatch with stand-ins for Slurm, the notebook as it is."""

import argparse
import contextlib
import json
import os
import re
import shlex
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from benchmarks import fit as benchmark
from liverseg.__main__ import main as liverseg_main
from train.__main__ import COMMANDS, main
from train.cli.fit import resolve
from train.fit.settings import FitSettings

ROOT = Path(__file__).parents[3]
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
if [ -n "$FAKE_SAVES" ]; then echo state > "$FAKE_SAVES/last.pt"; fi
exit $FAKE_STATUS
"""
SCONTROL = """#!/bin/bash
case "$1 $2" in
    requeue*) echo "requeued $2" >> "$FAKE/told" ;;
    "show job") echo "JobId=$4 JobState=$FAKE_STATE Requeue=1" ;;
    *) printf 'node1\\nnode2\\n' ;;
esac
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
        "FAKE_SAVES": "",
        "FAKE_STATE": "RUNNING",
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


@pytest.mark.parametrize("said", [["--out", "{}"], ["--out={}", "--seed", "2"]], ids=["apart", "joined"])
def test_a_job_that_lost_a_process_is_queued_again_where_it_had_saved(slurm, tmp_path, said):
    lost = {**slurm, "FAKE_STATUS": "137"}
    saves = {**lost, "FAKE_SAVES": str(tmp_path)}
    out = [word.format(tmp_path) for word in said]

    def queued_again(environment):
        done = subprocess.run(["bash", SBATCH, *out], env=environment, timeout=60)
        return done.returncode, any("requeued" in line for line in told(slurm))

    assert queued_again(lost) == (137, False), "nothing was saved: it would be lost again"
    assert queued_again({**saves, "FAKE_STATE": "CANCELLED"}) == (137, False)
    assert queued_again(saves) == (0, True)


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


def test_the_notebook_finds_data_as_kaggle_and_the_decathlon_lay_them_out(tmp_path):
    cells = json.loads(NOTEBOOK.read_text(encoding="utf-8"))["cells"]
    (source,) = (text for cell in cells if "def find_source" in (text := "".join(cell["source"])))
    names = {"Path": Path}
    exec(source[: source.index("\ndata = ")], names)  # noqa: S102
    for path in (
        "empty/volume-0.nii",
        "kaggle/lits/volume_pt1/volume-0.nii",
        "kaggle/lits/segmentations/segmentation-0.nii",
        "drive/Task03_Liver/imagesTr/liver_0.nii.gz",
        "drive/Task03_Liver/labelsTr/liver_0.nii.gz",
    ):
        (tmp_path / path).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / path).touch()
    found = names["find_source"]
    assert found((tmp_path / "none", tmp_path / "empty")) == ""
    assert found((tmp_path / "empty", tmp_path / "kaggle")) == str(tmp_path / "kaggle" / "lits")
    assert found((tmp_path / "drive",)) == str(tmp_path / "drive" / "Task03_Liver")


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


def documented():
    """Every training command of the help texts, the README and the page on clusters, as argument lists."""
    texts = [
        (ROOT / name).read_text(encoding="utf-8") for name in ("README.md", "docs/training-on-a-cluster.md")
    ]
    blocks = [
        block for text in texts for block in re.findall(r"^```\w*\n(.*?)^```", text, re.DOTALL | re.MULTILINE)
    ]
    parser = argparse.ArgumentParser()
    subparsers = parser.add_subparsers()
    for command in COMMANDS:
        command.add_parser(subparsers)
    blocks += [command.epilog for command in subparsers.choices.values()]
    for line in "\n".join(blocks).replace("\\\n", " ").splitlines():
        words = shlex.split(line, comments=True) if re.search(r"-m train |fit\.sbatch ", line) else []
        if words and words[0] == "sbatch":
            yield parser, ["fit", *words[words.index("train/slurm/fit.sbatch") + 1 :]]
        elif words:
            yield parser, words[words.index("train", words.index("-m")) + 1 :]


def test_every_training_command_that_is_documented_is_understood():
    commands = list(documented())
    assert len(commands) > 25 and {words[0] for _, words in commands} >= {
        "prepare",
        "fit",
        "export",
        "publish",
    }
    for parser, words in commands:
        args = parser.parse_args([word for word in words if word != "…"])
        if words[0] == "fit" and "--config" not in words:
            given = resolve(args)
            FitSettings(**{name: given[name] for name in given if name in FitSettings.__dataclass_fields__})


def test_a_file_that_cannot_be_written_is_one_line(tmp_path, capsys):
    out = tmp_path / "none" / "page.md"
    assert main(["results", "--out", str(out)]) == 1
    assert capsys.readouterr().err == f"{out} cannot be read or written: No such file or directory.\n"
