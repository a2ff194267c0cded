"""The Slurm job script, with stand-ins for the commands of Slurm."""

from __future__ import annotations

import os
import signal
import subprocess
import time
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[3]


SBATCH = ROOT / "train" / "slurm" / "fit.sbatch"


SRUN = """#!/bin/bash
while [[ "$1" == --* ]]; do shift; done
echo $$ > "$FAKE/step"
for ((i = 1; i < SLURM_NTASKS; i++)); do SLURM_PROCID=$i SLURM_LOCALID=$i "$@" & done
SLURM_PROCID=0 SLURM_LOCALID=0 exec "$@"
"""


PYTHON = """#!/bin/bash
trap 'echo saved >> "$FAKE/calls"; exit 1' USR1
echo "${RANK:-none} ${LOCAL_RANK:-none} ${WORLD_SIZE:-none} $MASTER_ADDR $*" >> "$FAKE/calls"
for ((i = 0; i < $FAKE_TENTHS; i++)); do sleep 0.1; done
if [ -n "$FAKE_SAVES" ]; then echo state > "$FAKE_SAVES/last.pt"; fi
exit $FAKE_STATUS
"""


SCONTROL = """#!/bin/bash
case "$1 $2" in
    requeue*) echo "requeued $2" >> "$FAKE/calls" ;;
    "show job") echo "JobId=$4 JobState=$FAKE_STATE Requeue=1" ;;
    *) printf 'node1\\nnode2\\n' ;;
esac
"""


SCANCEL = '#!/bin/bash\nkill -USR1 "$(cat "$FAKE/step")"\n'


@pytest.fixture
def slurm(tmp_path):
    """The environment of a job with stand-ins for the commands of Slurm and for Python."""
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


def calls(slurm):
    path = Path(slurm["FAKE"]) / "calls"
    return path.read_text().splitlines() if path.exists() else []


def test_the_job_passes_its_arguments_to_fit(slurm):
    done = subprocess.run(["bash", SBATCH, "--out", "runs/a b"], env=slurm, timeout=60)
    assert done.returncode == 0
    assert calls(slurm) == ["none none none node1 -m train fit --out runs/a b"]


def test_every_task_gets_its_rank(slurm):
    done = subprocess.run(["bash", SBATCH], env={**slurm, "SLURM_NTASKS": "2"}, timeout=60)
    assert done.returncode == 0
    deadline = time.monotonic() + 30
    while len(calls(slurm)) < 2 and time.monotonic() < deadline:
        time.sleep(0.05)
    assert sorted(calls(slurm)) == [f"{n} {n} 2 node1 -m train fit" for n in range(2)]


def test_a_job_near_its_time_limit_saves_and_is_requeued(slurm):
    job = subprocess.Popen(["bash", SBATCH], env={**slurm, "FAKE_TENTHS": "600"})
    deadline = time.monotonic() + 30
    while not calls(slurm) and time.monotonic() < deadline:
        time.sleep(0.05)
    job.send_signal(signal.SIGUSR1)
    assert job.wait(timeout=60) == 0
    assert calls(slurm)[1:] == ["saved", "requeued 123456"]


def test_a_refused_job_is_not_requeued(slurm):
    done = subprocess.run(["bash", SBATCH], env={**slurm, "FAKE_STATUS": "1"}, timeout=60)
    assert done.returncode == 1 and len(calls(slurm)) == 1


@pytest.mark.parametrize("said", [["--out", "{}"], ["--out={}", "--seed", "2"]], ids=["apart", "joined"])
def test_a_job_that_lost_a_process_is_requeued_only_after_a_save(slurm, tmp_path, said):
    lost = {**slurm, "FAKE_STATUS": "137"}
    saves = {**lost, "FAKE_SAVES": str(tmp_path)}
    out = [word.format(tmp_path) for word in said]

    def queued_again(environment):
        done = subprocess.run(["bash", SBATCH, *out], env=environment, timeout=60)
        return done.returncode, any("requeued" in line for line in calls(slurm))

    assert queued_again(lost) == (137, False), "without a save the same fault would end it again"
    assert queued_again({**saves, "FAKE_STATE": "CANCELLED"}) == (137, False)
    assert queued_again(saves) == (0, True)


def test_the_job_requests_the_slurm_features_it_needs():
    asked = [line for line in SBATCH.read_text().splitlines() if line.startswith("#SBATCH")]
    assert {"#SBATCH --requeue", "#SBATCH --signal=B:USR1@180", "#SBATCH --open-mode=append"} <= set(asked)
