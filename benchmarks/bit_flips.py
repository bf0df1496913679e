"""One random bit of a checkpoint or of a saved model flipped, many times: is it always noticed?

A flip is noticed when loading raises ProfundoError. Also counted: flips that change no value (there should be none).
The files are those of a real training; the bit is drawn uniformly over all bits of all the files.

    python -m benchmarks.bit_flips --flips 1000
"""

from __future__ import annotations

import argparse
import datetime
import random
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path

from benchmarks.common import keep


def flip(path: Path, bit: int) -> None:
    """Undone by doing it again."""
    with path.open("r+b") as file:
        file.seek(bit // 8)
        (byte,) = file.read(1)
        file.seek(bit // 8)
        file.write(bytes([byte ^ 1 << bit % 8]))


def noticed(load: Callable[[], object]) -> bool:
    from profundo.records import ProfundoError

    try:
        load()
    except ProfundoError:
        return True
    return False


def flip_often(files: list[Path], load: Callable[[], object], flips: int, draw: random.Random) -> dict[str, int]:
    """Flips by file, and how many went unnoticed."""
    counts = {"flips": 0, "unnoticed": 0}
    sizes = [8 * path.stat().st_size for path in files]
    for _ in range(flips):
        path = draw.choices(files, sizes)[0]
        bit = draw.randrange(8 * path.stat().st_size)
        flip(path, bit)
        counts["flips"] += 1
        counts["unnoticed"] += not noticed(load)
        flip(path, bit)
    load()  # all is as it was
    return counts


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--flips", type=int, default=1000)
    parser.add_argument("--seed", type=int, default=0)
    asked = parser.parse_args()
    import torch

    from profundo.runs.experiment import new_experiment
    from profundo.runs.saved_model import load_model
    from profundo.runs.supervised import train
    from profundo.train.checkpoints import load_checkpoint

    torch.set_num_threads(1)
    draw = random.Random(asked.seed)
    with tempfile.TemporaryDirectory() as place:
        folder = train(new_experiment(data="wine", net="mlp", epochs=3), out=Path(place, "run")).folder
        assert folder is not None
        (last,) = folder.checkpoints.iterdir()
        parts = sorted(last.iterdir())
        tasks = {f"checkpoint: {path.name}": ([path], lambda: load_checkpoint(last)) for path in parts}
        tasks["checkpoint, any file"] = (parts, lambda: load_checkpoint(last))
        tasks["saved model"] = ([folder.weights, folder.model], lambda: load_model(folder))
        counts = {name: flip_often(files, load, asked.flips, draw) for name, (files, load) in tasks.items()}
    print(f"{'file':34} {'flips':>6} {'unnoticed':>9}")
    for name, count in counts.items():
        print(f"{name:34} {count['flips']:6} {count['unnoticed']:9}")
    keep(f"bit_flips-{datetime.date.today().isoformat()}", {"seed": asked.seed, "by file": counts})
    sys.exit(1 if any(count["unnoticed"] for count in counts.values()) else 0)


if __name__ == "__main__":
    main()
