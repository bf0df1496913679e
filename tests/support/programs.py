"""`profundo` as a person starts it: a process that tells in JSON on stdout that it is ready, and ends at a signal."""

import contextlib
import json
import os
import signal
import subprocess
import sys
from pathlib import Path

import commands

PATIENCE = 60.0  # seconds to start or to end, on a busy machine too


@contextlib.contextmanager
def program(*words, number=signal.SIGTERM, env=None):
    """The process with what it told, and after the block its exit code, stdout (out) and stderr (err)."""
    process = subprocess.Popen(
        [sys.executable, "-m", "profundo", *words], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, env=env
    )
    try:
        told = ""
        while not told.endswith("}\n"):
            line = process.stdout.readline()
            assert line, process.stderr.read()
            told += line
        process.told = json.loads(told)
        yield process
        process.send_signal(number)
        process.out, process.err = process.communicate(timeout=PATIENCE)
    finally:
        process.kill()
        process.wait()


@contextlib.contextmanager
def forked(folder: Path, *words):
    """The same as a fork, where it is not the start that matters: a command with what it told, which ends at SIGTERM."""
    command = commands.profundo(folder, *words)
    try:
        while "\n}\n" not in (told := command.words.read_text()):
            assert command.process.is_alive(), told
            command.process.join(0.01)
        command.told, _ = json.JSONDecoder().raw_decode(told)  # what it says to people comes after it
        yield command
        os.kill(command.pid, signal.SIGTERM)
        assert command.wait().code == 128 + signal.SIGTERM
    finally:
        command.kill()
