"""One run on several processes: the same losses, each sample once, and what the loss of one does."""

import contextlib
import os
import socket
import subprocess
import sys
from pathlib import Path
from types import SimpleNamespace

import pytest
import torch
import torch.nn.functional as F

from tests.train.small_runs import arguments, log_of, weights
from train.__main__ import main
from train.errors import TrainError
from train.fit import processes
from train.fit.data import batches, open_data
from train.fit.settings import FitSettings, Runtime
from train.models.layers import DropChannels, DropPath

ROOT = Path(__file__).parents[3]
LAUNCH = [sys.executable, "-m", "accelerate.commands.launch", "--multi_gpu"]
LOSES_ONE = """
import os, signal, sys
from train.__main__ import main
from train.fit import loop
real = loop.update
def update(*args):
    if args[3] == 3 and os.environ["RANK"] == "1":
        os.kill(os.getpid(), signal.SIGKILL)
    return real(*args)
loop.update = update
sys.exit(main(sys.argv[1:]))
"""


@contextlib.contextmanager
def two_nodes():
    """(what goes before a command, address) of two machines: network namespaces where they are allowed.

    Elsewhere two groups of processes on this machine, which meet at its loopback.
    """
    names = [f"liverseg-{os.getpid()}-{node}" for node in "ab"]
    try:
        yield wired(names) or [([], "127.0.0.1")] * 2
    finally:
        for name in names:
            with contextlib.suppress(OSError):
                subprocess.run(["ip", "netns", "delete", name], capture_output=True)


def wired(names):
    """Two network namespaces with a wire between them, or None where that is not allowed."""
    ends = [f"ls{os.getpid() % 10**7}{node}" for node in "ab"]
    addresses = ["10.83.7.1", "10.83.7.2"]
    commands = [["netns", "add", name] for name in names]
    commands += [["link", "add", ends[0], "type", "veth", "peer", "name", ends[1]]]
    for name, end, address in zip(names, ends, addresses, strict=True):
        commands += [
            ["link", "set", end, "netns", name],
            ["-n", name, "address", "add", f"{address}/24", "dev", end],
            ["-n", name, "link", "set", end, "up"],
            ["-n", name, "link", "set", "lo", "up"],
        ]
    try:
        for words in commands:
            subprocess.run(["ip", *words], check=True, capture_output=True)
    except (OSError, subprocess.CalledProcessError):
        return None
    return [(["ip", "netns", "exec", name], addresses[0]) for name in names]


def test_launched_killed_and_resumed_on_two_nodes_it_ends_as_one_process(data_of_discs, tmp_path):
    """`accelerate launch`: two processes here, one of them killed, then the same command on two nodes.

    Every row of the log is an update; dropout and stochastic depth are on.
    """
    data = data_of_discs
    more = "--samples 20 --score-every 4 --save-every 4 --learning-rate 1e-4".split()
    assert main(arguments(data, data / "one", *more)) == 0
    command = arguments(data, data / "two", *more)
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    (tmp_path / "loses_one.py").write_text(LOSES_ONE)
    here = [*LAUNCH, "--num_processes", "2", "--main_process_port", "0", str(tmp_path / "loses_one.py")]
    lost = subprocess.run(
        [*here, *command], cwd=ROOT, env=environment, capture_output=True, text=True, timeout=600
    )
    assert lost.returncode != 0
    assert "Another process of the run has ended; the same command resumes" in lost.stderr
    assert torch.load(data / "two" / "last.pt", weights_only=True)["progress"]["step"] == 3
    assert [row["samples"] for row in log_of(data / "two")] == ["4", "8", "12"]

    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = str(free.getsockname()[1])
    with two_nodes() as nodes:
        started = []
        for rank, (before, address) in enumerate(nodes):
            meet = ["--num_machines", "2", "--machine_rank", str(rank), "--num_processes", "2",
                    "--main_process_ip", address, "--main_process_port", port]  # fmt: skip
            process = subprocess.Popen(
                [*before, *LAUNCH, *meet, "-m", "train", *command],
                cwd=ROOT, env=environment, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
            )  # fmt: skip
            started.append(process)
        try:
            for process in started:
                _, errors = process.communicate(timeout=600)
                assert process.returncode == 0, errors
        finally:
            for process in started:
                process.terminate()  # the one that waits for the other, where one has failed

    one, two = log_of(data / "one"), log_of(data / "two")
    assert [row["samples"] for row in two] == ["4", "8", "12", "16", "20"]
    for row, other in zip(one, two, strict=True):
        assert float(row["loss"]) == pytest.approx(float(other["loss"]), rel=2e-5)
        assert float(row["liver_global"]) == pytest.approx(float(other["liver_global"]), abs=2e-3)
    buffers = weights(data / "one"), weights(data / "two")
    for name in ("head.norm.running_mean", "head.norm.running_var"):
        assert torch.allclose(buffers[0][name], buffers[1][name], rtol=1e-3, atol=2e-4), name
    assert (data / "one/settings.json").read_text() == (data / "two/settings.json").read_text()


@pytest.fixture(scope="module")
def data_of_discs(tmp_path_factory, write_discs):
    folder = tmp_path_factory.mktemp("processes")
    write_discs(folder / "discs", tumour_in=(0, 2))
    return folder


def drawn(data, process, processes):
    """For each update the pictures and label bits of the samples that a process computes."""
    settings = FitSettings(
        data=((str(data / "discs"), 1.0, 0.5),),
        samples=24, batch=8, accumulate=2, crop=32, working_range=(32, 48),
    )  # fmt: skip
    runtime = Runtime(workers=0, cache=str(data / "cache"))
    one = SimpleNamespace(
        process_index=process,
        num_processes=processes,
        device=torch.device("cpu"),
        main_process_first=contextlib.nullcontext,
        local_main_process_first=contextlib.nullcontext,
    )
    opened = open_data(settings, runtime, data / "run", one)
    for _, parts in batches(settings, runtime, opened, one, 0):
        samples = [pair for part in parts for pair in zip(*part, strict=True)]
        yield [(image.numpy().tobytes(), bits.numpy().tobytes()) for image, bits in samples]


def test_each_sample_of_an_update_is_computed_by_one_process(data_of_discs):
    alone = list(drawn(data_of_discs, 0, 1))
    shared = list(zip(*(drawn(data_of_discs, process, 2) for process in range(2)), strict=True))
    assert len(alone) == len(shared) == 3
    for whole, (first, second) in zip(alone, shared, strict=True):
        assert len(set(whole)) == 8 and not set(first) & set(second)
        assert len(first) == len(second) == 4 and sorted(first + second) == sorted(whole)
    assert not set(alone[0]) & set(alone[1])


@pytest.mark.parametrize("layer", [DropPath(0.4), DropChannels(0.4)], ids=lambda layer: type(layer).__name__)
def test_what_is_dropped_of_a_sample_does_not_depend_on_the_process(layer):
    grid = torch.rand(6, 32, 3, 3) + 1
    torch.manual_seed(4)
    whole = layer.train()(grid)
    assert 0 < (whole == 0).float().mean() < 1
    for process in range(3):
        layer.process, layer.processes = process, 3
        torch.manual_seed(4)
        assert torch.equal(layer(grid[process::3]), whole[process::3])
    layer.process, layer.processes = 0, 1
    if isinstance(layer, DropChannels):
        torch.manual_seed(4)
        assert torch.equal(whole, F.dropout2d(grid, 0.4, training=True))
    assert torch.equal(layer.eval()(grid), grid)


def test_the_loss_of_a_loader_is_a_refusal_and_other_errors_are_not():
    with pytest.raises(TrainError, match="resumes from the last save"), processes.refuse_lost_processes():
        raise RuntimeError("DataLoader worker (pid 7) is killed by signal: Killed.")
    with pytest.raises(RuntimeError, match="shapes"), processes.refuse_lost_processes():
        raise RuntimeError("shapes do not match")


def test_threads_are_those_asked_for_else_those_of_the_environment_else_the_processors(monkeypatch):
    before = torch.get_num_threads()
    try:
        monkeypatch.delenv("OMP_NUM_THREADS", raising=False)
        monkeypatch.delenv("LOCAL_WORLD_SIZE", raising=False)
        processes.start(16, 1, None)
        assert torch.get_num_threads() == len(os.sched_getaffinity(0))
        processes.start(16, 1, 3)
        assert torch.get_num_threads() == 3
        monkeypatch.setenv("OMP_NUM_THREADS", "3")  # torch has read it when it was imported
        processes.start(16, 1, None)
        assert torch.get_num_threads() == 3
    finally:
        torch.set_num_threads(before)
