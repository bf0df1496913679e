"""`profundo doctor script.py ARGS`: the script in a process of its own, and then what the doctor has to say."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Annotated, Any

import typer

from profundo.cli.app import Json
from profundo.cli.printing import print_json
from profundo.records import ProfundoError

__all__ = ["script_command"]

LAUNCH = Path(__file__).parent.parent / "doctor" / "scripts" / "launch.py"
OWN = {"--budget": 2, "--json": 1}  # options before the script, and how many words each is


def such_a_script(words: list[str]) -> bool:
    """Whether the first of the words that is no option of the doctor's names a script; what follows it is the script's own."""
    place = 0
    while place < len(words) and words[place].startswith("-"):
        place += OWN.get(words[place], 1)
    return place < len(words) and words[place].endswith((".py", ".ipynb"))


def script_command(words: list[str]) -> Any:
    """The command for these words, if they name a script."""
    if not such_a_script(words):
        return None
    alone = typer.Typer(add_completion=False, pretty_exceptions_enable=False)
    alone.command("doctor", context_settings={"allow_interspersed_args": False, "help_option_names": ["-h", "--help"]})(
        doctor_script
    )
    return typer.main.get_command(alone)


def doctor_script(
    script: Annotated[Path, typer.Argument(help="A training script; what follows it are its own arguments.")],
    args: Annotated[list[str] | None, typer.Argument(help="Of the script.")] = None,
    budget: Annotated[float, typer.Option(min=1, help="Seconds for trainings and experiments.")] = 60.0,
    as_json: Json = False,
) -> None:
    """Run a training script as it is, and say what is wrong with its training."""
    if script.suffix == ".ipynb":
        raise ProfundoError(
            f"{script}: a notebook; save it as a script (jupyter nbconvert --to script {script.name}) and give that"
        )
    if not script.is_file():
        raise ProfundoError(f"{script}: expected a Python script, and there is no such file")
    with tempfile.TemporaryDirectory(prefix="profundo-") as folder:
        path = Path(folder) / "report.json"
        command = [sys.executable, "-P", str(LAUNCH), str(path), str(budget), str(script), *(args or [])]
        code = ended(command, sys.stderr.fileno() if as_json else None)
        words = json.loads(path.read_text("utf-8")) if path.is_file() else {}
    if not words:
        raise typer.Exit(unheard(code))
    if as_json:
        print_json({"seen": words["seen"], "script": code, **(words["report"] or {"healthy": None, "findings": []})})
    else:
        print(f"\n{script.name}: {words['seen']}\n{words['text']}".rstrip())
    raise typer.Exit(code or int(bool(words["report"] and words["report"]["findings"])))


def ended(command: list[str], output: int | None) -> int:
    """The exit status, of a shell's kind. Ctrl-C reaches the script by itself; what stops us stops it, too."""
    sys.stdout.flush()
    with subprocess.Popen(command, stdout=output) as process, signals_for(process):
        code = process.wait()
    return code if code >= 0 else 128 - code


@contextmanager
def signals_for(process: subprocess.Popen[bytes]) -> Iterator[None]:
    before = {
        signal.SIGINT: signal.signal(signal.SIGINT, lambda *_: None),
        signal.SIGTERM: signal.signal(signal.SIGTERM, lambda *_: process.terminate()),
    }
    try:
        yield
    finally:
        for one, handler in before.items():
            signal.signal(one, handler)


def unheard(code: int) -> int:
    how = f"by signal {code - 128}" if code > 128 else "by os._exit()"
    print(f"profundo: the script ended {how} (status {code}), before the doctor could speak", file=sys.stderr)
    return code
