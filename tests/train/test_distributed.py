"""Two processes against one: the same losses for the same global batch, and one run's folder."""

import json
import os
import socket
import subprocess
import sys
import time

import pytest
import torch
from torch import nn

from commands import python

TORCHRUN = [sys.executable, "-m", "torch.distributed.run", "--nproc-per-node", "2", "--master-port", "0",
            "--rdzv-backend", "c10d", "--rdzv-endpoint", "localhost:0"]  # fmt: skip
QUIET = {**os.environ, "OMP_NUM_THREADS": "1"}

COMPARE = """
from profundo.data import augmentation
from profundo.data.batches import batches
from profundo.runs.experiment import new_experiment
from profundo.runs.preparing import make_update
from profundo.runs.supervised import prepare
from profundo.train import Plan, fit
from profundo.train.distributed import group
from profundo.train.randomness import seeded

def main():
    asked = new_experiment(data="digits", net="{net}", epochs=1, precision="float32", device="cpu", learning_rate=0.02)
    with group("cpu") as processes, seeded(0):
        losses = measured(asked, processes)
        if processes.chief:
            print(repr(losses))


def measured(asked, processes):
    prepared = prepare(asked)
    prepared.net.double()  # so that rounding cannot hide an error, nor chaos amplify it
    update = make_update(prepared, processes)
    order = batches(prepared.data.train, prepared.data.spec, 64, seed=0, augment=augmentation(["shift"]),
                    rank=processes.rank, processes=processes.size)
    order.inputs = order.inputs.double()
    losses = [processes.sum(s.losses["loss"].clone()).item() for s in fit(update, order, Plan(1))]
    return [*losses, sum(v.double().square().sum() for v in prepared.net.state_dict().values()).item()]


main()
"""
COMMAND = """
import sys
from profundo.cli import main
sys.argv = ["profundo", *{words}]
main()
"""


def rank(place, port):
    """What torchrun tells each of two processes."""
    return {
        "RANK": str(place),
        "LOCAL_RANK": str(place),
        "WORLD_SIZE": "2",
        "MASTER_ADDR": "127.0.0.1",
        "MASTER_PORT": str(port),
    }


def free_port():
    with socket.socket() as held:
        held.bind(("127.0.0.1", 0))
        return held.getsockname()[1]


def two(tmp_path, code):
    port = free_port()
    return [python(tmp_path, code, **rank(place, port)) for place in (0, 1)]


@pytest.mark.parametrize("net", ["fast_cnn"])  # with batch normalisation, which they share
def test_two_processes_have_the_losses_of_one(net, tmp_path):
    code = COMPARE.format(net=net)
    alone = python(tmp_path, code).wait()
    ended = [one.wait() for one in two(tmp_path, code)]
    assert [one.code for one in (alone, *ended)] == [0, 0, 0], [one.said for one in (alone, *ended)]
    one, both = (json.loads(one.said.strip().splitlines()[-1]) for one in (alone, ended[0]))
    assert len(one) == 20
    assert both == pytest.approx(one, rel=1e-9)


def test_shared_normalisation_in_one_process_equals_pytorchs(tmp_path):
    from profundo.train.distributed import SharedBatchNorm

    torch.distributed.init_process_group("gloo", init_method=f"file://{tmp_path}/meeting", rank=0, world_size=1)
    try:
        torch.manual_seed(0)
        theirs = nn.BatchNorm2d(3).double()
        nn.init.normal_(theirs.weight)
        ours = SharedBatchNorm.of(nn.BatchNorm2d(3).double())
        ours.load_state_dict(theirs.state_dict())
        x = torch.randn(4, 3, 5, 5, dtype=torch.double)
        pair = [x.clone().requires_grad_(), x.clone().requires_grad_()]
        outputs = [norm(part) for norm, part in zip((theirs, ours), pair, strict=True)]
        torch.testing.assert_close(outputs[1], outputs[0])
        for output in outputs:
            (output**3).sum().backward()
        torch.testing.assert_close(pair[1].grad, pair[0].grad)
        torch.testing.assert_close(ours.running_var, theirs.running_var)
        torch.testing.assert_close(ours.running_mean, theirs.running_mean)
        torch.testing.assert_close(ours.eval()(x), theirs.eval()(x))
        far = 1e4 + torch.randn(8, 3, 5, 5)  # where E[x²] − E[x]² would have no digit left
        torch.testing.assert_close(SharedBatchNorm(3)(far), nn.BatchNorm2d(3)(far), rtol=1e-3, atol=1e-2)
        plain = SharedBatchNorm.of(nn.BatchNorm2d(3, affine=False).double())
        torch.testing.assert_close(plain(x), nn.BatchNorm2d(3, affine=False).double()(x))
    finally:
        torch.distributed.destroy_process_group()


@pytest.mark.slow
def test_torchrun_writes_one_run_and_killed_it_resumes_to_the_same_bits(tmp_path):
    asked = ["train", "digits", "--net", "mlp", "--epochs", "6", "--precision", "float32", "--checkpoint-seconds", "0"]
    done = subprocess.run(
        [*TORCHRUN, "-m", "profundo", *asked, "--json", "--out", "two"],
        capture_output=True, text=True, env=QUIET, cwd=tmp_path, timeout=300,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr[-3000:]
    whole = json.loads(done.stdout)
    assert whole["run"] == "two"
    assert whole["test"]["accuracy"] > 0.9
    assert [p.name for p in tmp_path.iterdir()] == ["two"]

    killed = two(tmp_path, COMMAND.format(words=[*asked, "--out", "killed"]))
    deadline = time.monotonic() + 120
    while not list(tmp_path.glob("killed/checkpoints/[0-9]*")):
        assert all(one.process.is_alive() for one in killed), "it ended before anything was saved"
        assert time.monotonic() < deadline, "nothing was ever saved"
        time.sleep(0.02)
    for one in killed:
        one.kill()
    assert not (tmp_path / "killed/scores.json").exists()
    resumed = [one.wait() for one in two(tmp_path, COMMAND.format(words=["resume", "killed"]))]
    assert [one.code for one in resumed] == [0, 0], [one.said for one in resumed]
    for name in ("model.safetensors", "history.csv"):
        assert (tmp_path / "killed" / name).read_bytes() == (tmp_path / "two" / name).read_bytes()
