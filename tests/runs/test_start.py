"""What a training does not load: PyTorch's compiler, SymPy, SciPy and pandas take longer than training on a small set.

Who compiles, can.
"""

import os
import subprocess
import sys

NAMES = "import profundo.runs.supervised, profundo.runs.report_facts"
TRAINING = """
import tempfile
from profundo.runs.experiment import new_experiment
from profundo.runs.supervised import train
with tempfile.TemporaryDirectory() as folder:
    run = train(new_experiment(data="digits", epochs=1), out=folder + "/run")
    assert run.folder.report.is_file()
"""
COMPILING = """
net = torch.compile(torch.nn.Linear(2, 2), backend="eager")
assert net(torch.ones(1, 2)).shape == (1, 2)
assert "torch._dynamo" in sys.modules
"""
SHAPES = """
from profundo.nets import table_net
from profundo.records import Inputs, Spec, Targets
spec = Spec(Inputs((4,), "features"), Targets("real", names=("length",)))
with torch.device("meta"):
    shapes = {name: one.shape for name, one in table_net(spec).state_dict().items()}
assert shapes == {name: one.shape for name, one in table_net(spec).state_dict().items()}
"""
FIRST_VIEW = """
from profundo.nets.init import drawn_once
from profundo.playground.playground_settings import new_settings
from profundo.playground.session import Session
assert drawn_once(lambda: torch.nn.BatchNorm1d(2)).weight.tolist() == [1, 1]
assert Session(new_settings()).net
"""
MNIST = "import profundo.data; profundo.data.load('mnist')"
PIECES = {
    NAMES: {"sklearn", "PIL", "matplotlib", "rich", "scipy"},
    TRAINING: {"torch._dynamo", "torch._inductor", "sympy", "onnx", "starlette", "fsspec.implementations.http",
               "sklearn", "scipy", "pandas", "polars"},
    SHAPES: {"torch._dynamo"},  # a run is opened by building its net of no memory first
    FIRST_VIEW: {"sympy", "torch._dynamo"},  # the page of the lab waits for it
    MNIST: {"sklearn", "PIL", "rich", "pydantic", "matplotlib"},
}  # fmt: skip
"""What is done, and what is not loaded then."""

FORKS = """
import os, sys, torch
for code in sys.argv[1:]:
    child = os.fork()
    if not child:
        exec(code)
        sys.exit()
    assert os.waitpid(child, 0)[1] == 0, code
"""


def test_what_is_done_every_day_loads_nothing_heavy_and_who_compiles_can():
    """Each in a fork of one process that has loaded PyTorch and nothing else."""
    codes = [
        f"{code}\nloaded = {heavy} & set(sys.modules)\nassert not loaded, loaded\n{COMPILING if code == TRAINING else ''}"
        for code, heavy in PIECES.items()
        if code != MNIST or os.environ.get("PROFUNDO_DATA")
    ]
    subprocess.run([sys.executable, "-c", FORKS, *codes], check=True)
