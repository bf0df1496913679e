"""What a training does not load: PyTorch's compiler, SymPy, SciPy and pandas take longer than training on a small set.

Who compiles, can.
"""

import subprocess
import sys

SCRIPT = """
import sys, tempfile, torch
from profundo.runs.experiment import new_experiment
from profundo.runs.supervised import train
with tempfile.TemporaryDirectory() as folder:
    run = train(new_experiment(data="digits", epochs=1), out=folder + "/run")
    assert run.folder.report.is_file()
heavy = {"torch._dynamo", "torch._inductor", "sympy", "onnx", "starlette", "fsspec.implementations.http"}
heavy |= {"sklearn", "scipy", "pandas", "polars"}
print(sorted(heavy & set(sys.modules)))
net = torch.compile(torch.nn.Linear(2, 2), backend="eager")
assert net(torch.ones(1, 2)).shape == (1, 2)
assert "torch._dynamo" in sys.modules
"""


def test_training_and_its_report_load_nothing_heavy():
    done = subprocess.run([sys.executable, "-c", SCRIPT], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"
