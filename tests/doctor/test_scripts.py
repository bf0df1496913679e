"""A training script runs as it is, in a process of its own; what it does is seen, rebuilt and examined."""

import json
import os
import signal
import subprocess
import sys

import pytest
import torch
from torch.utils.data import DataLoader, TensorDataset

from commands import profundo, python
from doctored import X, Y, perceptron
from profundo.doctor.scripts.launch import write
from profundo.doctor.scripts.observer import Observer
from profundo.doctor.scripts.rebuilding import RecordedStep, diagnosis, rebuilt, summary
from profundo.doctor.scripts.tape import Unplayable
from profundo.doctor.watching import watch
from profundo.trees import leaves

MATERIAL = """
import torch, torch.nn.functional as F
from torch import nn
torch.manual_seed(0)
"""


def seen(script, **names):
    """What an observer saw of a script's lines, run here."""
    net = names.pop("net", None) or perceptron(64, 32, 10)
    whole = {
        "net": net,
        "optimizer": None,
        "loader": DataLoader(TensorDataset(X[:600], Y[:600]), 50, shuffle=True),
        "held": (X[1400:], Y[1400:]),
    }
    observer = Observer()
    observer.install()
    try:
        exec(MATERIAL + script, whole | names)
    except RuntimeError as error:
        assert "does not require grad" in str(error)  # noqa: PT017
    finally:
        observer.close()
    return observer


LOOP = """
optimizer = torch.optim.{optimizer}
for epoch in range({epochs}):
    for rows, labels in loader:
        {step}
"""


def loop(step, optimizer="SGD(net.parameters(), 0.1, momentum=0.9)", epochs=3):
    return LOOP.format(optimizer=optimizer, epochs=epochs, step=step.strip().replace("\n", "\n        "))


COST = "F.cross_entropy(net(rows), labels)"
PLAIN = f"optimizer.zero_grad(); {COST}.backward(); optimizer.step()"


def causes(observer, budget=8):
    return [finding.cause for finding in diagnosis(observer, budget).findings]


@pytest.mark.parametrize(
    ("step", "cause"),
    [
        ("F.cross_entropy(net(rows), labels).backward(); optimizer.step()", "missing_zero_grad"),
        ("F.cross_entropy(net(rows), labels).backward(); optimizer.zero_grad(); optimizer.step()", "no_update"),
        ("optimizer.zero_grad(); F.cross_entropy(net(rows), labels).backward()", "no_update"),
        ("F.cross_entropy(net(rows).detach(), labels).backward()", "no_update"),
        (f"{PLAIN}; nn.utils.clip_grad_norm_(net.parameters(), 1.0)", "misplaced_clipping"),
        (PLAIN.replace("net(rows)", "torch.softmax(net(rows), 1)"), "double_softmax"),
    ],
)
def test_what_a_script_does_wrong_is_named(step, cause):
    assert causes(seen(loop(step)))[:1] == [cause]


def test_an_optimizer_of_another_net_and_accumulation_that_is_not_divided():
    other = loop(PLAIN, "SGD(nn.Linear(2, 2).parameters(), 0.1)", epochs=1)
    assert causes(seen(other))[:1] == ["not_in_optimizer"]
    step = "({}).backward()\nif optimizer.count % 4 == 3: optimizer.step(); optimizer.zero_grad()\noptimizer.count += 1"
    begin = "SGD(net.parameters(), 1.0); optimizer.count = 0; optimizer.zero_grad()"
    assert causes(seen(loop(step.format(COST), begin, 8)))[:1] == ["accumulation_not_divided"]
    program = rebuilt(seen(loop(step.format(f"{COST} / 4"), begin, 8)))
    assert isinstance(program.step, RecordedStep)
    assert len(program.step.cycle) == 4
    assert program.step.scale == 0.25


BY_HAND = """
optimizer = torch.optim.SGD(net.parameters(), 0.1)
for epoch in range(2):
    for places in torch.randperm(600).split(50):
        labels = Y[places]
        optimizer.zero_grad(); {cost}.backward(); optimizer.step()
"""


@pytest.mark.parametrize(
    "cost",
    [
        "F.cross_entropy(net(X[places]), Y[places])",
        "F.cross_entropy(net(X[places]), Y.index_select(0, places).long())",
        "F.cross_entropy(net(X[places]), torch.index_select(input=Y, dim=0, index=places))",
        "F.cross_entropy(net(X[places]), torch.index_select(index=places, dim=0, input=Y))",
        "(F.cross_entropy(net(X[places]), labels, reduction='none') * weights[labels]).mean()",
    ],
)
def test_targets_that_a_cost_looks_up_are_those_of_its_batch(cost):
    program = rebuilt(seen(BY_HAND.format(cost=cost), X=X[:600], Y=Y[:600], weights=torch.ones(10)))
    for inputs, targets in program.train:
        places = (inputs[:, None] == X[:600]).all(2).int().argmax(1)
        assert torch.equal(targets, Y[places])


@pytest.mark.parametrize(
    "step",
    [
        PLAIN,
        "F.cross_entropy(net(rows), labels).backward(); optimizer.step()\nfor one in net.parameters(): one.grad = None",
        "loss = ((net(rows) - F.one_hot(labels, 10)) ** 2).sum(1).mean(); net.zero_grad(); loss.backward(); optimizer.step()",
        PLAIN.replace(COST, "F.nll_loss(net(rows).log_softmax(1).view(-1, 10), labels.view(-1))"),
        PLAIN.replace(".backward", ".mul(2.0).backward"),
        PLAIN.replace(COST, f"({COST} + 1e-3 * sum(w.square().sum() for w in net.parameters()))"),
    ],
)
def test_the_rebuilt_program_trains_as_the_script_did(step):
    """The same batches, in their order, lead a copy of the net to where the script's net was led."""
    net = perceptron(64, 32, 10)
    observer = seen(loop(step, "SGD(net.parameters(), 0.05)", epochs=1), net=net)
    program = rebuilt(observer)
    assert len(program.train) == 12
    assert program.epochs == 1
    for batch in program.train:
        cost = program.loss(program.net(batch[0]), batch[1])
        program.optimizer.zero_grad()
        cost.backward()
        program.optimizer.step()
    copies = program.net.net if hasattr(program.net, "net") else program.net
    for one, other in zip(copies.parameters(), net.parameters(), strict=True):
        torch.testing.assert_close(one, other, rtol=1e-4, atol=1e-6)


def test_epochs_samples_and_those_held_out_are_counted():
    script = loop(PLAIN, epochs=4) + "    with torch.no_grad(): right = (net(held[0]).argmax(1) == held[1]).sum()\n"
    observer = seen(script)
    program = rebuilt(observer)
    assert program.epochs == 4
    assert program.step is None
    assert sum(len(batch[1]) for batch in program.train) == 600
    assert torch.equal(program.validation[0][0], X[1400:])
    assert torch.equal(program.validation[0][1], Y[1400:])
    assert (
        "48 steps of SGD on Sequential (2,410 parameters); 600 training samples in 12 batches, 397 held out"
        in summary(observer)
    )


def test_once_all_is_known_a_net_is_heard_where_gradients_are_off_and_passes_are_counted():
    """Also in an evaluation that comes late, and with gradients gathered from two passes a step."""
    halves = "; ".join(f"F.cross_entropy(net(rows[{part}]), labels[{part}]).backward()" for part in (":25", "25:"))
    step = f"optimizer.zero_grad(); {halves}; optimizer.step(); hooks.append(len(net._forward_hooks))"
    hooks = []
    observer = seen(
        loop(step, epochs=6) + "with torch.no_grad(): F.cross_entropy(net(held[0]), held[1])\n", hooks=hooks
    )
    assert sum(map(bool, hooks[-20:])) < 10
    assert observer.backward == 2 * 72
    assert torch.equal(rebuilt(observer).validation[0][0], X[1400:])


EVALUATED = "F.cross_entropy(net(held[0]), held[1])"


@pytest.mark.parametrize(
    "evaluation",
    [
        f"with torch.no_grad(): {EVALUATED}",
        f"with torch.set_grad_enabled(False): {EVALUATED}",
        f"with torch.set_grad_enabled(mode=False): {EVALUATED}",
        f"with torch.inference_mode(): {EVALUATED}",
        f"torch.set_grad_enabled(False); {EVALUATED}; torch.set_grad_enabled(True)",
    ],
)
def test_a_late_evaluation_is_heard_however_gradients_are_switched_off(evaluation, monkeypatch):
    """Before gradients are cleared and after; the steps' own switching, such as clipping's, puts no hook on the net."""
    monkeypatch.setattr("profundo.doctor.watching.SHARE", 1e-9)  # no look after the first ones
    clipped = (
        f"{COST}.backward(); nn.utils.clip_grad_norm_(net.parameters(), 9.0); hooks.append(bool(net._forward_hooks))"
    )
    for step in (
        f"optimizer.zero_grad(); {clipped}; optimizer.step()",
        f"{clipped}; optimizer.step(); optimizer.zero_grad(set_to_none=False)",
    ):
        hooks = []
        observer = seen(loop(step, epochs=2) + evaluation, hooks=hooks)
        assert observer.settled
        assert not any(hooks[-6:])
        assert torch.equal(observer.held.batches[0][0][0], X[1400:])


def test_evaluation_on_what_it_is_trained_on_is_said():
    script = loop(PLAIN, epochs=2) + "    with torch.no_grad(): [F.cross_entropy(net(a), b) for a, b in loader]\n"
    observer = seen(script)
    assert rebuilt(observer).validation is None
    assert "those that it trains on" in str(diagnosis(observer, 5))


def test_a_schedule_closures_a_cost_inside_the_net_and_names_are_rebuilt():
    cycle = "SGD(net.parameters(), 0.1); change = torch.optim.lr_scheduler.LinearLR(optimizer, 1.0, 0.5, 36)"
    program = rebuilt(seen(loop(PLAIN + "; change.step()", cycle)))
    assert program.step.shares[0] == 1
    assert program.step.shares[-1] == pytest.approx(1 - 0.5 * 35 / 36)
    lines = f"optimizer.zero_grad(); cost = {COST}; cost.backward(); return cost"
    closure = f"def closure():\n    {lines}\noptimizer.step(closure)"
    assert causes(seen(loop(closure, "LBFGS(net.parameters(), 0.5, max_iter=4)", 1))) == []

    class Named(torch.nn.Module):
        def __init__(self):
            super().__init__()
            self.net = perceptron(64, 32, 10)

        def forward(self, pixels, labels=None):
            logits = self.net(pixels)
            cost = None if labels is None else torch.nn.functional.cross_entropy(logits, labels)
            return {"loss": cost, "logits": logits}

    step = 'optimizer.zero_grad(); (net(pixels=rows, labels=labels)["loss"] * 1).backward(); optimizer.step()'
    program = rebuilt(seen(loop(step), net=Named()))
    assert sorted(program.train[0]) == ["labels", "pixels"]


@pytest.mark.parametrize(
    ("script", "why"),
    [
        ("for rows, labels in loader: F.cross_entropy(net(rows), labels).backward()", "no optimizer of torch.optim"),
        (loop("optimizer.zero_grad(); (net(rows) - net(rows + 1)).square().mean().backward(); optimizer.step()"), "another net"),
        ("other = nn.Linear(64, 10)\n" + loop(PLAIN.replace("net(rows)", "net(rows) + other(rows)")), "2 nets"),
        (loop(f"{PLAIN}; second.step()", "SGD(net.parameters(), 0.1); second = torch.optim.SGD(net[:1].parameters(), 0.1)"), "2 opt"),
        (
            loop(f"{COST}.backward()\nfor one in net.parameters(): one.data -= 0.1 * one.grad; one.grad = None"),
            "moved by something else",
        ),
        ("net(held[0])", "never called"),
    ],
)  # fmt: skip
def test_what_cannot_be_tried_is_said_in_a_sentence_and_nothing_is_claimed(script, why):
    observer = seen(script)
    with pytest.raises(Unplayable, match=why):
        rebuilt(observer)
    report = diagnosis(observer, 5)
    assert report.findings == ()
    assert why in str(report)


def test_limits_of_clipping_and_scaled_costs_may_be_given_by_name():
    clip = "nn.utils.clip_grad_norm_(parameters=net.parameters(), max_norm=0.5)"
    value = "nn.utils.clip_grad_value_(net.parameters(), clip_value=0.25)"
    step = f"optimizer.zero_grad(); scaler.scale(outputs={COST}).backward(); {clip}; {value}; optimizer.step()"
    observer = seen(loop(step, epochs=1), scaler=torch.amp.GradScaler("cpu", init_scale=2.0))
    assert observer.why == ""
    assert observer.order[3:5] == [("clip", ("clip_grad_norm_", 0.5)), ("clip", ("clip_grad_value_", 0.25))]


def test_costs_are_those_before_a_scaler_also_once_all_is_known(monkeypatch):
    monkeypatch.setattr("profundo.doctor.watching.SHARE", 1e9)  # looks are as frequent as they come
    step = f"optimizer.zero_grad(); cost = {COST}; costs.append(cost.item())"
    step += "; scaler.scale(cost).backward(); scaler.step(optimizer); scaler.update()"
    costs = []
    observer = seen(loop(step), costs=costs, scaler=torch.amp.GradScaler("cpu"))
    assert observer.settled
    assert max(observer.watcher.losses) > 30
    assert observer.watcher.losses == {step: costs[step] for step in observer.watcher.losses}


def fails(*_, **__):
    raise LookupError("of ours")


STEP = f"optimizer.zero_grad(); scaler.scale({COST}).backward(); nn.utils.clip_grad_norm_(net.parameters(), 9.0); optimizer.step()"
ENDED = "\nwith torch.no_grad(): net(held[0]); net(held[0])\nfinished.append(1)"


@pytest.mark.parametrize(
    "seam",
    ["any_enters", "enters", "leaves", "scales", "goes_back", "takes", "clips", "steps", "note", "ends_comparison"],
)
def test_a_fault_of_the_doctor_ends_no_script(seam, monkeypatch):
    monkeypatch.setattr(Observer, seam, fails)
    finished = []
    observer = seen(loop(STEP, epochs=1) + ENDED, finished=finished, scaler=torch.amp.GradScaler("cpu", init_scale=2.0))
    assert finished
    assert "LookupError: of ours" in observer.why
    assert observer.why in str(diagnosis(observer, 1))
    assert torch._C._len_torch_function_stack() == 0


@pytest.mark.parametrize("name", ["gradient_size", "modes"])
def test_a_fault_in_watching_ends_no_loop_and_is_said(name, monkeypatch):
    monkeypatch.setattr(f"profundo.doctor.watching.{name}", fails)
    net = perceptron(64, 8, 10)
    optimizer = torch.optim.SGD(net.parameters(), 0.1)
    with watch(net, optimizer) as doctor:
        for _ in range(6):
            optimizer.zero_grad()
            net(X[:50]).square().mean().backward()
            optimizer.step()
    assert doctor.steps == 6
    assert doctor.report().findings == ()
    assert "LookupError: of ours" in str(doctor.report())
    assert not net._forward_hooks
    assert not optimizer._optimizer_step_pre_hooks


@pytest.mark.parametrize("name", ["rebuilding.rebuilt", "rebuilding.summary", "observer.Observer.install"])
def test_a_fault_of_the_examination_leaves_the_script_its_status(name, monkeypatch, tmp_path):
    monkeypatch.setattr(f"profundo.doctor.scripts.{name}", fails)
    observer, faults, report = Observer(), [], tmp_path / "report.json"
    try:
        observer.install()
    except LookupError as error:
        faults.append(error)
    observer.backward = 1
    write(str(report), 1.0, [] if faults else [observer], faults)
    assert "LookupError: of ours" in report.read_text()


def test_nothing_is_left_behind_and_memory_is_bounded(monkeypatch):
    owners = (
        torch.Tensor,
        torch.optim.Optimizer,
        torch.nn.utils,
        torch,
        torch.nn.Module,
        torch.set_grad_enabled,
        torch.inference_mode,
    )
    before = [dict(vars(one)) for one in owners]
    monkeypatch.setattr("profundo.doctor.scripts.observer.MOST_BYTES", 50_000)
    net = perceptron(64, 32, 10)
    observer = seen(loop(PLAIN), net=net)
    assert all(vars(one)[name] is value for one, was in zip(owners, before, strict=True) for name, value in was.items())
    assert not net._forward_hooks
    assert not net._forward_pre_hooks
    assert torch._C._len_torch_function_stack() == 0
    assert (
        0
        < sum(one.numel() * one.element_size() for batch in observer.train.batches for one in leaves(batch[0]))
        <= 50_000
    )


SCRIPT = """
import argparse, sys, time
import torch
from torch import nn
from torch.utils.data import DataLoader, TensorDataset

def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--rate", type=float, default=0.5)
    parser.add_argument("--end", default="")
    given = parser.parse_args()
    torch.manual_seed(0)
    rows = torch.randn(512, 8)
    labels = (rows @ torch.randn(8, 3)).argmax(1)
    net = nn.Sequential(nn.Linear(8, 16), nn.ReLU(), nn.Dropout(0.1), nn.Linear(16, 3))
    optimizer = torch.optim.SGD(net.parameters(), given.rate)
    loader = DataLoader(TensorDataset(rows, labels), 32, shuffle=True, num_workers=1 if given.end == "workers" else 0)
    epoch = 0
    while epoch < 3 or given.end == "never":
        for a, b in loader:
            if given.end != "dirty":
                optimizer.zero_grad()
            loss = nn.functional.cross_entropy(net(a), b)
            loss.backward()
            optimizer.step()
        epoch += 1
        print(epoch, loss.item().hex(), torch.rand(1).item(), flush=True)
    if given.end == "crash":
        raise ValueError("of my own")
    sys.exit(int(given.end or 0) if given.end.isdigit() else 0)

if __name__ == "__main__":
    main()
"""


def test_the_scripts_own_output_is_the_same_to_the_bit(tmp_path):
    (tmp_path / "train.py").write_text(SCRIPT)
    alone = python(
        tmp_path, "import runpy, sys; sys.argv = ['train.py']; runpy.run_path('train.py', run_name='__main__')"
    )
    alone = alone.wait()
    assert alone.code == 0, alone.said
    watched = profundo(tmp_path, "doctor", "--budget", "1", "train.py", "--end", "workers").wait()
    assert watched.code == 0, watched.said
    assert watched.said.startswith(alone.said)
    assert "48 steps of SGD on Sequential (195 parameters); 512 training samples in 16 batches" in watched.said


def test_a_finding_is_status_1_and_json_is_one_object(tmp_path):
    (tmp_path / "train.py").write_text(SCRIPT)
    words = ("doctor", "--json", "--budget", "2", "train.py", "--end", "dirty")
    done = subprocess.run([sys.executable, "-m", "profundo", *words], cwd=tmp_path, capture_output=True, text=True)
    assert done.returncode == 1
    assert json.loads(done.stdout)["findings"][0]["cause"] == "missing_zero_grad"
    assert done.stderr.startswith("1 0x")


def test_a_crash_keeps_its_traceback_and_ctrl_c_gives_the_report(tmp_path):
    (tmp_path / "train.py").write_text(SCRIPT)
    words = ("doctor", "--budget", "1", "train.py", "--end")
    crashed = profundo(tmp_path, *words, "crash").wait()
    assert crashed.code == 1
    assert "\nValueError: of my own\n" in crashed.said
    assert "launch.py" not in crashed.said
    assert "48 steps" in crashed.said
    endless = profundo(tmp_path, *words, "never")
    while endless.words.read_text().count("\n") < 3:
        assert endless.process.is_alive(), endless.words.read_text()
        endless.process.join(0.02)
    os.killpg(endless.pid, signal.SIGINT)
    ended = endless.wait()
    assert ended.code == 130
    assert "KeyboardInterrupt" in ended.said
    assert "steps of SGD on Sequential" in ended.said


def test_what_is_no_script_is_one_line(refused, called, tmp_path):
    (tmp_path / "empty.py").write_text("print('no net here')")
    refused("doctor", "book.ipynb", cwd=tmp_path, says=["notebook", "nbconvert"])
    refused("doctor", "missing.py", cwd=tmp_path, says=["missing.py", "no such file"])
    (tmp_path / "killed.py").write_text("import os; os._exit(7)")
    done = called("doctor", "killed.py", cwd=tmp_path)
    assert (done.returncode, done.stderr.count("\n")) == (7, 1)
    done = called("doctor", "empty.py", cwd=tmp_path)
    assert done.returncode == 0
    assert "nothing was trained" in done.stdout
