"""A command that talks: lines to a recipe's net that learned to answer."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from typing import Annotated

import typer

from profundo.cli.app import METHODS, RunFolder, command

YOU, NET = "you: ", "net: "


@command(METHODS)
def chat(
    run: RunFolder,
    seed: Annotated[int, typer.Option(min=0, max=2**63 - 1, help="Of the draws.")] = 0,
    wishes: Annotated[
        list[str] | None,
        typer.Option("--set", metavar="NAME=VALUE", help="How: temperature=0.5, top_k=20, top_p=0.9; may be repeated."),
    ] = None,
) -> None:
    """Talk to a net that learned how turns follow one another (recipe gpt): a line is a turn, an empty one ends.

    It goes on with words; it knows nothing. Lines on standard input are answered one by one.
    """
    import torch

    from profundo.recipes.recipe import talked_to
    from profundo.recipes.recipe_folder import open_model
    from profundo.records import ProfundoError
    from profundo.runs.settings.plain_yaml import read_pair

    name, model = open_model(run)
    conversation, model = talked_to(
        name, model, dict(read_pair(text, such_as="temperature=0.5") for text in wishes or [])
    )
    print(conversation.introduction(model), file=sys.stderr)
    generator = torch.Generator().manual_seed(seed)
    turns: list[str] = []
    for said in lines():
        try:
            answer = told(conversation.answered(model, [*turns, said], generator))
        except ProfundoError as error:  # such as a character that it does not know: another line may do
            print(error, file=sys.stderr)
            continue
        turns += [said, answer]


def lines() -> Iterator[str]:
    """What is typed, until an empty line or the end."""
    while True:
        try:
            said = input(YOU if sys.stdin.isatty() else "").strip()
        except EOFError:
            return
        if not said:
            return
        yield said


def told(pieces: Iterator[str]) -> str:
    """Print the pieces as they come. Returns what they make."""
    print(NET, end="", flush=True)
    answer = ""
    for piece in pieces:
        piece = piece if answer else piece.lstrip()
        print(piece, end="", flush=True)
        answer += piece
    print()
    return answer.strip()
