"""Commands for recipes: methods of deep learning as complete experiments."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import typer

from profundo.cli.app import METHODS, DataDir, Json, RunFolder, command
from profundo.cli.printing import print_description, print_names, print_recipe_run, terminal


@command(METHODS)
def recipes(
    name: Annotated[str | None, typer.Argument(help="One of them: what it does, its data, its settings.")] = None,
    as_json: Json = False,
) -> None:
    """List the recipes: methods of deep learning, each a complete experiment with a stated result."""
    from profundo.recipes.recipe_names import RECIPES

    if name is not None:
        from profundo.recipes.recipe import about, data_taken, described, wishes_described

        print_description(name, about(name), data_taken(name), described(name, {}), wishes_described(name), as_json)
        return
    print_names(dict(RECIPES), "recipes", as_json)


@command(METHODS)
def recipe(
    name: Annotated[str | None, typer.Argument(help="A name of `profundo recipes`.")] = None,
    settings: Annotated[
        list[str] | None, typer.Option("--set", metavar="NAME=VALUE", help="A setting; may be repeated.")
    ] = None,
    data: Annotated[
        str | None,
        typer.Option(help="Data of your own, or a name; `profundo recipes NAME` says which kind.", show_default=False),
    ] = None,
    encoding: Annotated[str | None, typer.Option(help="Of a text that is no UTF-8.", show_default=False)] = None,
    skip_bad: Annotated[
        bool, typer.Option("--skip-bad", help="Leave out images that cannot be read, and say so.")
    ] = False,
    quick: Annotated[bool, typer.Option("--quick", help="The same method at a size that takes seconds.")] = False,
    seed: Annotated[int | None, typer.Option(help="Of everything drawn at random.", show_default=False)] = None,
    device: Annotated[str | None, typer.Option(help="auto, cpu, cuda or cuda:N.", show_default=False)] = None,
    out: Annotated[
        Path | None, typer.Option(help="The run's folder; runs/<name>-<n> otherwise.", show_default=False)
    ] = None,
    data_dir: DataDir = None,
    config: Annotated[
        Path | None,
        typer.Option(help="Repeat the run of an experiment.yaml; options given here win.", show_default=False),
    ] = None,
    describe: Annotated[bool, typer.Option("--describe", help="Say what it does and its settings, and stop.")] = False,
    as_json: Json = False,
) -> None:
    """Run a recipe: train, evaluate and show one method."""
    from dataclasses import asdict

    from profundo.recipes.recipe import about, check, data_taken, described, wishes_described
    from profundo.recipes.recipe_folder import read_request
    from profundo.records import ProfundoError
    from profundo.runs.settings.plain_yaml import read_pair

    given: dict[str, Any] = {}
    rest: dict[str, Any] = {}
    if config is not None:
        if quick:
            raise ProfundoError("--quick and --config: a configuration holds every setting; give one of them")
        before = read_request(config)
        if name not in (None, before.recipe):
            raise ProfundoError(f"{config}: is one of recipe {before.recipe}, not {name}")
        name, given = before.recipe, asdict(before.settings)
        rest = {name: getattr(before, name) for name in ("seed", "device", "data_dir", "skip_bad")}
    if name is None:
        raise ProfundoError("say which recipe, such as `profundo recipe vae`; `profundo recipes` lists them")
    check(name)
    given |= dict(read_pair(text) for text in settings or [])
    given |= {key: value for key, value in (("data", data), ("encoding", encoding)) if value is not None}
    if describe:
        settled = described(name, given, quick)
        print_description(name, about(name), data_taken(name), settled, wishes_described(name), as_json)
        return
    from profundo.recipes.recipe_run import run_recipe

    options = {
        "seed": seed,
        "device": device,
        "data_dir": str(data_dir) if data_dir else None,
        "skip_bad": skip_bad or None,
    }
    rest |= {key: value for key, value in options.items() if value is not None}
    print_recipe_run(run_recipe(name, given, quick=quick, out=out, voice=terminal(), **rest), as_json)


@command(METHODS)
def generate(
    run: RunFolder,
    count: Annotated[int, typer.Option(min=1, max=10_000, help="How many.")] = 16,
    seed: Annotated[int, typer.Option(min=0, max=2**63 - 1, help="Of the draws.")] = 0,
    prompt: Annotated[
        str, typer.Option(help="What a text begins with; the word to be spoken, the class to be drawn.")
    ] = "",
    wishes: Annotated[
        list[str] | None,
        typer.Option(
            "--set",
            metavar="NAME=VALUE",
            help="How: of text temperature=0.5, top_k=20, top_p=0.9, length=1000; of speech temperature, guidance; of images "
            "out of noise steps=50, guidance=2; may be repeated.",
        ),
    ] = None,
    out: Annotated[
        Path | None,
        typer.Option(help="Folder for all of it; RUN/generated for pictures and sounds otherwise.", show_default=False),
    ] = None,
) -> None:
    """Let a recipe's trained networks make something new: pictures, text, speech. One text comes as it is written."""
    from profundo.pictures.exhibits import drawn
    from profundo.recipes.exhibit_files import LIST, write_exhibits
    from profundo.recipes.recipe import generated, streamed
    from profundo.recipes.recipe_folder import open_model
    from profundo.records import ProfundoError
    from profundo.runs.folder import Folder
    from profundo.runs.settings.plain_yaml import read_pair

    name, model = open_model(run)
    manner = dict(read_pair(text, such_as="temperature=0.5") for text in wishes or [])
    pieces = streamed(name, model, seed, prompt, manner) if count == 1 and out is None else None
    if pieces is not None:
        for piece in pieces:
            print(piece, end="", flush=True)
        print()
        return
    place = out if out is not None else Folder(run).path / "generated"
    if (place / LIST).exists():
        raise ProfundoError(f"{place}: holds the exhibits of a run; choose another --out")
    made = [drawn(exhibit) for exhibit in generated(name, model, count, seed, prompt, manner)]
    written = [exhibit for exhibit in made if exhibit.kind in ("text", "table")]
    for exhibit in written:
        print(exhibit.text)
    kept = made if out is not None else [exhibit for exhibit in made if exhibit not in written]
    for path in write_exhibits(place, kept, listed=False, within=Path(run) if out is None else None):
        print(path)
