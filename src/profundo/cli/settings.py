"""The settings of a training as options of a command, made from the fields of Experiment.

    @settings_command("lr-find", CHOOSE, without=("course",))
    def lr_find(settings: Settings, steps: … = 100) -> None: …

The command takes an option for each setting, and gets in `settings` those that were given. The options are made when the
command is called: `profundo --help` need not load what they are made from.
"""

from __future__ import annotations

from collections.abc import Callable, Collection
from inspect import Parameter, signature
from typing import TYPE_CHECKING, Annotated, Any

import typer

from profundo.cli.app import app, deferred

if TYPE_CHECKING:
    from pydantic.fields import FieldInfo

    from profundo.runs.experiment import Setting

__all__ = ["Settings", "made_command", "settings_command", "with_data"]

Settings = dict[str, Any]


def settings_command(
    name: str,
    panel: str,
    *,
    without: Collection[str] = (),
    other: Callable[[list[str]], Any] = lambda _: None,
) -> Callable[[Callable[..., None]], Callable[..., None]]:
    """Make a command of a function whose first parameter is `settings`.

    without: the settings, or parts of the settings, that the command does not take.
    other: the command that takes its place for these words, if one does.
    """

    def register(function: Callable[..., None]) -> Callable[..., None]:
        def whole(words: list[str]) -> Any:
            return other(words) or whole_command(name, function, without)

        app.command(name, cls=deferred(whole), help=function.__doc__, rich_help_panel=panel)(lambda: None)
        return function

    return register


def whole_command(name: str, function: Callable[..., None], without: Collection[str] = ()) -> Any:
    """The command with all its options."""
    from profundo.runs.experiment import SETTINGS, Experiment

    taken = {
        setting: about
        for setting, about in SETTINGS.items()
        if setting not in without and about.part not in without and not about.in_python
    }
    options = [parameter(setting, Experiment.model_fields[setting], about) for setting, about in taken.items()]
    return made_command(name, function, options, lambda setting, value: read_given(taken[setting], value))


def made_command(
    name: str, function: Callable[..., None], options: list[Parameter], read: Callable[[str, Any], Any]
) -> Any:
    """A command of these options and those of the function, which gets what was given of the former, once read, in `settings`."""
    _, *own = signature(function, eval_str=True).parameters.values()

    def call(**values: Any) -> None:
        given = {one.name: value for one in options if (value := values.pop(one.name)) is not None}
        function({setting: read(setting, value) for setting, value in given.items()}, **values)

    parameters = [one.replace(kind=Parameter.KEYWORD_ONLY) for one in (*options, *own)]
    call.__signature__ = signature(call).replace(parameters=parameters)  # type: ignore[attr-defined]
    call.__annotations__ = {one.name: one.annotation for one in parameters}
    alone = typer.Typer(add_completion=False, pretty_exceptions_enable=False)
    alone.command(name, help=function.__doc__)(call)
    return typer.main.get_command(alone)


def parameter(name: str, field: FieldInfo, about: Setting) -> Parameter:
    """The option of a setting; the argument of the command, if there is no run without it. None stands for not given."""
    from profundo.runs.settings.setting_fields import plain_type

    kind, choices = plain_type(field.annotation)
    text = f"{about.help.removesuffix('.')}: {', '.join(choices)}." if choices else about.help
    if about.form is not None and kind != list[str]:
        kind = str  # of more forms than its type has, such as --batch-size all
    if field.is_required():
        return Parameter(
            name, Parameter.KEYWORD_ONLY, default=None, annotation=Annotated[kind | None, typer.Argument(help=text)]
        )
    option = typer.Option(
        *([about.option] if about.option else []),
        help=text,
        metavar=about.form,
        rich_help_panel=about.part.capitalize(),
        show_default=str(field.default) if field.default else False,
    )
    return Parameter(name, Parameter.KEYWORD_ONLY, default=None, annotation=Annotated[kind | None, option])


def read_given(about: Setting, value: Any) -> Any:
    return value if about.read is None else about.read(value)


def with_data(settings: Settings, such_as: str) -> Settings:
    """The settings, once they say of which data."""
    from profundo.records import ProfundoError

    if "data" not in settings:
        raise ProfundoError(f"say which data, such as `profundo {such_as}`; `profundo datasets` lists them")
    return settings
