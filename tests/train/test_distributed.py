"""Two processes against one: the same losses for the same global batch, and one run's folder."""

import json
import os
import subprocess
import sys
import time

import psutil
import pytest
import torch
from torch import nn

TORCHRUN = [sys.executable, "-m", "torch.distributed.run", "--nproc-per-node", "2", "--master-port", "0",
            "--rdzv-backend", "c10d", "--rdzv-endpoint", "localhost:0"]  # fmt: skip
QUIET = {**os.environ, "OMP_NUM_THREADS": "1"}

COMPARE = """
import sys, torch
from profundo.data import augmentation
from profundo.data.batches import batches
from profundo.runs.experiment import new_experiment
from profundo.runs.preparing import make_update
from profundo.runs.supervised import prepare
from profundo.train import Plan, fit
from profundo.train.distributed import group
from profundo.train.randomness import seeded

def main():
    asked = new_experiment(data="digits", net=sys.argv[1], epochs=1, precision="float32", device="cpu", learning_rate=0.02)
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


def run(command, tmp_path):
    done = subprocess.run(command, capture_output=True, text=True, env=QUIET, cwd=tmp_path, timeout=300)
    assert done.returncode == 0, done.stderr[-3000:]
    return done.stdout


@pytest.mark.slow
@pytest.mark.parametrize("net", ["fast_cnn"])  # with batch normalisation, which they share
def test_two_processes_have_the_losses_of_one(net, tmp_path):
    script = tmp_path / "compare.py"
    script.write_text(COMPARE)
    one = json.loads(run([sys.executable, script, net], tmp_path))
    two = json.loads(run([*TORCHRUN, str(script), net], tmp_path).strip().splitlines()[-1])
    assert len(one) == 20
    assert two == pytest.approx(one, rel=1e-9)


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
    two = json.loads(run([*TORCHRUN, "-m", "profundo", *asked, "--json", "--out", "two"], tmp_path))
    assert two["run"] == "two"
    assert two["test"]["accuracy"] > 0.9
    assert [p.name for p in tmp_path.iterdir()] == ["two"]

    process = subprocess.Popen(
        [*TORCHRUN, "-m", "profundo", *asked, "--out", "killed"],
        cwd=tmp_path, env=QUIET, start_new_session=True, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
    )  # fmt: skip
    deadline = time.monotonic() + 120
    while not list(tmp_path.glob("killed/checkpoints/[0-9]*")):
        assert process.poll() is None, "it ended before anything was saved"
        assert time.monotonic() < deadline, "nothing was ever saved"
        time.sleep(0.02)
    end_everybody(process.pid)
    process.wait()
    assert not (tmp_path / "killed/scores.json").exists()
    run([*TORCHRUN, "-m", "profundo", "resume", "killed"], tmp_path)
    for name in ("model.safetensors", "history.csv"):
        assert (tmp_path / "killed" / name).read_bytes() == (tmp_path / "two" / name).read_bytes()


def end_everybody(pid):
    """torchrun gives each worker a session of its own: kill them all, then it."""
    children = psutil.Process(pid).children(recursive=True)
    for process in (psutil.Process(pid), *children):
        process.kill()
