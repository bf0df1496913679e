"""The playground in a terminal: the same session as in a notebook or a page, by options made of its settings."""

from __future__ import annotations

import sys
from inspect import Parameter
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from profundo.cli.app import INSIDE, Json
from profundo.cli.printing import print_json, print_names
from profundo.cli.settings import Settings, made_command, settings_command

if TYPE_CHECKING:
    from profundo.playground.playground_settings import PlaygroundSettings
    from profundo.playground.session import Session


def play_command(_words: list[str]) -> Any:
    """The command with an option for each setting of the playground."""
    from profundo.playground.command_words import option_of
    from profundo.playground.playground_settings import FIELDS

    options = [
        Parameter(
            name,
            Parameter.KEYWORD_ONLY,
            default=None,
            annotation=Annotated[
                str | None,
                typer.Option(
                    option_of(name), help=about.help, metavar=about.kind.form, rich_help_panel=about.part.capitalize()
                ),
            ],
        )
        for name, about in FIELDS.items()
    ]
    return made_command("playground", playground, options, lambda name, text: FIELDS[name].kind.read(name, text))


@settings_command("playground", INSIDE, other=play_command)
def playground(
    settings: Settings,
    preset: Annotated[
        str | None, typer.Option(help="A situation worth a lesson; --list names them.", show_default=False)
    ] = None,
    table: Annotated[
        Path | None, typer.Option(help="A table of your own: two columns of numbers and a target.", show_default=False)
    ] = None,
    target: Annotated[str | None, typer.Option(help="Of a table, the column to predict.", show_default=False)] = None,
    query: Annotated[
        str | None, typer.Option(help="The settings as an address holds them.", show_default=False)
    ] = None,
    race: Annotated[
        str | None, typer.Option(metavar="NAME,…", help="Several optimizers from the same start.", show_default=False)
    ] = None,
    doctor: Annotated[bool, typer.Option("--doctor", help="Let the doctor prove what is wrong.")] = False,
    out: Annotated[Path | None, typer.Option(help="Keep it as a run in this folder.", show_default=False)] = None,
    source: Annotated[
        Path | None, typer.Option(help="Write it as a program in plain PyTorch.", show_default=False)
    ] = None,
    listed: Annotated[bool, typer.Option("--list", help="List the presets and the data, and stop.")] = False,
    as_json: Json = False,
) -> None:
    """Play with a small net over the plane: train it, see its map, its losses and what is wrong with it.

    profundo playground --data spiral --features x1,x2,sin_x1,sin_x2 --hidden 8 --optimizer adam

    profundo playground --preset xor-one-neuron
    """
    if listed:
        print_presets(as_json)
        return
    asked = asked_for(settings, preset, table, target, query)
    if race is not None:
        print_race(asked, race, as_json)
        return
    from profundo.playground.session import Session

    check_places(out, source)
    session = Session(asked).run()
    said = told(session, preset)
    if doctor:
        from profundo.playground.kept_run import examined

        said["doctor"] = str(examined(session))
    if source is not None:
        from profundo.files import write_text
        from profundo.playground.source_code import as_source

        write_text(source, as_source(session))
    if out is not None:
        from profundo.playground.kept_run import run_of

        run_of(session).save(out)
    print_session(session, said, as_json)
    for path in filter(None, (out, source)):
        print(f"written: {path}", file=sys.stderr)


def check_places(out: Path | None, source: Path | None) -> None:
    """Before anything is trained."""
    from profundo.files import check_out
    from profundo.records import ProfundoError

    if source is not None:
        check_out(source, ".py")
    if out is not None and out.exists():
        raise ProfundoError(f"{out}: expected a folder that is not there yet; choose another --out")


def asked_for(
    settings: Settings, preset: str | None, table: Path | None, target: str | None, query: str | None
) -> PlaygroundSettings:
    """A preset, a table or an address, with the options in their places."""
    from profundo.playground.own_points import points_of_table
    from profundo.playground.playground_settings import changed, new_settings
    from profundo.playground.presets import preset as named
    from profundo.playground.queries import from_query
    from profundo.records import ProfundoError

    if sum(one is not None for one in (preset, table, query)) > 1:
        raise ProfundoError("playground: expected one of --preset, --table and --query, got more")
    if target is not None and table is None:
        raise ProfundoError("playground: --target is for a table; give --table FILE")
    if table is not None:
        return new_settings(**{**points_of_table(table, target), **settings})
    if query is not None:
        return changed(from_query(query), **settings)
    return changed(named(preset).settings, **settings) if preset is not None else new_settings(**settings)


def told(session: Session, preset: str | None) -> dict[str, Any]:
    """What is said of a session, as plain data."""
    from profundo.playground.command_words import command_line
    from profundo.playground.early_signs import early_signs
    from profundo.playground.presets import PRESETS
    from profundo.playground.queries import to_query

    about = {} if preset is None else {"question": PRESETS[preset].question, "seen": PRESETS[preset].seen}
    train, test = session.scores().values()
    return {
        **about,
        "epochs": session.epoch,
        "steps": session.steps,
        "stopped": session.stopped,
        "train": train.as_plain_data(),
        "test": test.as_plain_data(),
        "signs": [{"cause": one.cause, "where": one.where, "remedy": one.remedy} for one in early_signs(session)],
        "command": command_line(session.settings),
        "query": to_query(session.settings),
    }


def print_session(session: Session, said: dict[str, Any], as_json: bool) -> None:
    from profundo.playground.early_signs import early_signs
    from profundo.playground.plane_characters import plane_text

    if as_json:
        print_json(said)
        return
    for line in (said.get("question"), plane_text(session.maps(20, 20).output), session, said.get("seen")):
        if line is not None:
            print(f"{line}\n")
    for sign in early_signs(session):
        print(sign)
    if "doctor" in said:
        print(said["doctor"])
    print(f"again: {said['command']}")


def print_race(asked: PlaygroundSettings, names: str, as_json: bool) -> None:
    from profundo.playground.side_by_side_run import Race

    race = Race(asked, names.split(","))
    race.epochs(asked.epochs)
    if as_json:
        print_json(race.as_plain_data())
    else:
        print(race)


def print_presets(as_json: bool) -> None:
    from profundo.playground.playground_settings import DATA
    from profundo.playground.presets import PRESETS

    if as_json:
        presets = {
            name: {"title": one.title, "question": one.question, "seen": one.seen} for name, one in PRESETS.items()
        }
        print_json({"presets": presets, "data": DATA})
        return
    print_names({name: one.title for name, one in PRESETS.items()}, "presets", as_json=False)
    print()
    print_names(DATA, "data", as_json=False)
