"""`python -m benchmarks`: every figure of the README, one after the other. An hour and a half on two cores."""

import subprocess
import sys

ALL = [
    ["start_up"],
    ["loop_overhead"],
    ["lenet_speed"],
    ["scores"],
    ["mnist_to_99"],
    ["cross_validation"],
    ["throughput"],
    ["serving"],
    ["scores", "--only", "cifar10", "--net", "resnet", "--seeds", "1"],
    ["bit_flips"],
    ["random_kills", "--kills", "200"],
]

for name, *options in ALL:
    print(f"\n{name} {' '.join(options)}", flush=True)
    subprocess.run([sys.executable, "-m", f"benchmarks.{name}", *options], check=True)
