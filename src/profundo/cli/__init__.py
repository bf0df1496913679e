"""The command line: parse, call a recipe, print. Nothing here knows how anything is done.

Training talks on stderr; lists, figures and predictions are on stdout, with --json as exactly one JSON object.
"""

from __future__ import annotations

import io
import json
import os
import sys

from profundo.cli.app import app

# Each of these adds its commands, in the order in which help lists them.
# isort: off
import profundo.cli.data
import profundo.cli.training
import profundo.cli.reporting
import profundo.cli.procedure
import profundo.cli.using
import profundo.cli.serving
import profundo.cli.browsing
import profundo.cli.playing
import profundo.cli.recipes
import profundo.cli.chatting
import profundo.cli.showing
import profundo.cli.inside
import profundo.cli.imaging
import profundo.cli.searching
import profundo.cli.streaming  # noqa: F401
# isort: on

__all__ = ["app", "main"]


def main() -> None:
    """The entry point. Exit status: 1 for a mistake that one line explains, 2 for wrong usage, 130 or 143 when
    interrupted with the state saved."""
    from profundo.threads import prepare_process

    prepare_process()
    from profundo.languages import Said, told_by
    from profundo.records import TOLD_AS, Interrupted, ProfundoError, on_command_line
    from profundo.runs.voice import inert

    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="replace")  # a terminal without ∂ gets ?
    door = on_command_line.set(True)
    try:
        try:
            app(standalone_mode=True)
        finally:
            sys.stdout.flush()
    except ProfundoError as error:
        print(f"profundo: {inert(str(error))}", file=sys.stderr)
        if os.environ.get(TOLD_AS) == "json" and isinstance(told := told_by(error), Said):
            print(json.dumps(told.kept), file=sys.stderr)
        sys.exit(1)
    except Interrupted as interrupted:  # the run has said how to go on
        sys.exit(interrupted.code)
    except BrokenPipeError:
        os._exit(141)  # whoever read us went away
    except OSError as error:
        print(f"profundo: {error.strerror or error}: {error.filename or 'what was to be printed'}", file=sys.stderr)
        os._exit(1)  # what could not be written is not tried again
    finally:
        on_command_line.reset(door)
