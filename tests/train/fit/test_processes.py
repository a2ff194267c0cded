"""A run on several processes: equal results, lost processes, batch normalisation and CPU threads."""

from __future__ import annotations

import contextlib
import os
import socket
import subprocess
import sys
from pathlib import Path

import pytest
import torch
import torch.nn.functional as F
from torch import nn

from tests.train.small_runs import arguments, log_of, weights
from train.__main__ import main
from train.errors import TrainError
from train.fit import processes
from train.fit.processes import PooledBatchNorm2d, pool_batch_norms
from train.models.layers import DropChannels, DropPath

ROOT = Path(__file__).parents[3]


LAUNCH = [sys.executable, "-m", "accelerate.commands.launch", "--multi_gpu"]


KILLS_ONE_PROCESS = """
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
    """A command prefix and an address for each of two nodes.

    The nodes are network namespaces where these are allowed, else this machine's loopback interface twice.
    """
    names = [f"liverseg-{os.getpid()}-{node}" for node in "ab"]
    try:
        yield connected_namespaces(names) or [([], "127.0.0.1")] * 2
    finally:
        for name in names:
            with contextlib.suppress(OSError):
                subprocess.run(["ip", "netns", "delete", name], capture_output=True)


def connected_namespaces(names):
    """Two connected network namespaces, or None where they are not allowed."""
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


@pytest.fixture(scope="module")
def data_of_discs(tmp_path_factory, write_discs):
    folder = tmp_path_factory.mktemp("processes")
    write_discs(folder / "discs", tumour_in=(0, 2))
    return folder


def test_a_run_killed_on_two_processes_and_resumed_on_two_nodes_equals_one_process(data_of_discs, tmp_path):
    """Two processes, one of which is killed, then the same command on two nodes.

    Every row of the log is one update; dropout and stochastic depth are on.
    """
    data = data_of_discs
    more = "--samples 20 --score-every 4 --save-every 4 --learning-rate 1e-4".split()
    assert main(arguments(data, data / "one", *more)) == 0
    command = arguments(data, data / "two", *more)
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    (tmp_path / "kills_one.py").write_text(KILLS_ONE_PROCESS)
    here = [*LAUNCH, "--num_processes", "2", "--main_process_port", "0", str(tmp_path / "kills_one.py")]
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
                process.terminate()  # one may still wait for the other after a failure

    one, two = log_of(data / "one"), log_of(data / "two")
    assert [row["samples"] for row in two] == ["4", "8", "12", "16", "20"]
    for row, other in zip(one, two, strict=True):
        assert float(row["loss"]) == pytest.approx(float(other["loss"]), rel=2e-5)
        assert float(row["liver_global"]) == pytest.approx(float(other["liver_global"]), abs=2e-3)
    buffers = weights(data / "one"), weights(data / "two")
    for name in ("head.norm.running_mean", "head.norm.running_var"):
        assert torch.allclose(buffers[0][name], buffers[1][name], rtol=1e-3, atol=2e-4), name
    assert (data / "one/settings.json").read_text() == (data / "two/settings.json").read_text()


@pytest.mark.parametrize("layer", [DropPath(0.4), DropChannels(0.4)], ids=lambda layer: type(layer).__name__)
def test_dropped_paths_and_channels_do_not_depend_on_the_process(layer):
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


def test_only_a_lost_loader_process_becomes_a_train_error():
    with pytest.raises(TrainError, match="resumes from the last save"), processes.refuse_lost_processes():
        raise RuntimeError("DataLoader worker (pid 7) is killed by signal: Killed.")
    with pytest.raises(RuntimeError, match="shapes"), processes.refuse_lost_processes():
        raise RuntimeError("shapes do not match")


def test_threads_come_from_the_option_then_the_environment_then_the_cpus(monkeypatch):
    before = torch.get_num_threads()
    try:
        monkeypatch.delenv("OMP_NUM_THREADS", raising=False)
        monkeypatch.delenv("LOCAL_WORLD_SIZE", raising=False)
        processes.start_accelerator(16, 1, None)
        assert torch.get_num_threads() == len(os.sched_getaffinity(0))
        processes.start_accelerator(16, 1, 3)
        assert torch.get_num_threads() == 3
        monkeypatch.setenv("OMP_NUM_THREADS", "3")  # torch has read it when it was imported
        processes.start_accelerator(16, 1, None)
        assert torch.get_num_threads() == 3
    finally:
        torch.set_num_threads(before)


def test_pooled_batch_norm_equals_batch_norm_on_one_process():
    """Values, gradients and running statistics agree with BatchNorm2d."""
    torch.manual_seed(0)
    plain = nn.Sequential(nn.Conv2d(2, 4, 1), nn.Sequential(nn.BatchNorm2d(4)))
    nn.init.uniform_(plain[1][0].weight)
    own = nn.Sequential(nn.Conv2d(2, 4, 1), nn.Sequential(nn.BatchNorm2d(4)))
    own.load_state_dict(plain.state_dict())
    pool_batch_norms(own)
    assert type(own[1][0]) is PooledBatchNorm2d
    grid = torch.randn(3, 2, 5, 7)
    for network in (plain, own):
        network(grid).pow(3).sum().backward()
    for a, b in zip(plain.parameters(), own.parameters(), strict=True):
        assert torch.allclose(a.grad, b.grad, rtol=1e-3, atol=1e-4)
    for a, b in zip(plain.buffers(), own.buffers(), strict=True):
        assert torch.allclose(a, b, atol=1e-6)
    assert torch.allclose(plain.eval()(grid), own.eval()(grid), atol=1e-5)


def test_a_batch_that_does_not_divide_among_the_processes_is_refused(monkeypatch):
    class Three:
        num_processes, is_main_process = 3, True

    monkeypatch.setattr(processes, "Accelerator", lambda **_: Three())
    with pytest.raises(TrainError, match="16 samples do not divide among 3"):
        processes.start_accelerator(16, 1, 1)
