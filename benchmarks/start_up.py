"""What starting costs: `import profundo` and the spine against `import torch`, and `profundo --help`. Whole processes.

python -m benchmarks.start_up [--rounds 9]
"""

from __future__ import annotations

import argparse
import subprocess
import sys
from collections.abc import Callable

from benchmarks.common import in_turn, keep, ratios, show


def process(*arguments: str) -> Callable[[], object]:
    return lambda: subprocess.run([sys.executable, *arguments], capture_output=True, check=True)


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--rounds", type=int, default=9)
    asked = parser.parse_args()
    works = {
        "import torch": process("-c", "import torch"),
        "import profundo": process("-c", "import profundo"),
        "import torch, all that training needs": process("-c", "import torch, profundo; profundo.fit, profundo.load"),
        "profundo --help": process("-m", "profundo", "--help"),
    }
    show(measured := ratios(in_turn(works, asked.rounds), "import torch"))
    keep("start_up", measured)


if __name__ == "__main__":
    main()
