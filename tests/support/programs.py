"""`profundo` as a person starts it: a process that tells in JSON on stdout that it is ready, and ends at a signal."""

import contextlib
import json
import signal
import subprocess
import sys

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
