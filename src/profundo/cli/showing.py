"""Commands that show: data, networks, layers, computations."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Annotated

import typer

from profundo.cli.app import DATA, INSIDE, DataDir, Json, Member, RunFolder, command
from profundo.cli.printing import print_graph, print_json, print_names, print_progress


@command(DATA)
def datasets(as_json: Json = False) -> None:
    """List the data sets that have a name."""
    from profundo.data import names

    print_names(names(), "datasets", as_json)


@command(DATA)
def augment(
    data: Annotated[
        str | None, typer.Argument(help="A name of `profundo datasets`, or a folder or zip of images per class.")
    ] = None,
    changes: Annotated[
        str | None,
        typer.Option("--augment", help="As of `profundo train`; each of them otherwise.", show_default=False),
    ] = None,
    seed: Annotated[int, typer.Option(min=0, max=2**63 - 1, help="Of the draws.")] = 0,
    out: Annotated[Path, typer.Option(help="The page.")] = Path("augmentation.html"),
    data_dir: DataDir = None,
    as_json: Json = False,
) -> None:
    """List the augmentations; or show on a page what they make of training images."""
    from profundo.looks.augmentation_samples import augmentation_page, listed

    if data is None:
        print_names(listed(), "augmentations", as_json)
        return
    from profundo.data import load
    from profundo.files import write_text
    from profundo.runs.settings.setting_values import read_changes

    write_text(out, augmentation_page(load(data, data_dir=data_dir), read_changes(changes or "none"), seed))
    if as_json:
        print_json({"page": str(out)})
    else:
        print(out)


@command(INSIDE)
def nets(
    name: Annotated[str | None, typer.Argument(help="Of one net, tell the layers.")] = None,
    data: Annotated[str | None, typer.Option(help="For this of `profundo datasets`.", show_default=False)] = None,
    inputs: Annotated[
        str | None,
        typer.Option(
            "--input", metavar="SIZES", help="For inputs such as 3x32x32, and ten classes.", show_default=False
        ),
    ] = None,
    data_dir: DataDir = None,
    as_json: Json = False,
) -> None:
    """List the networks that have a name; or of one, each layer with its shape, parameters, FLOPs and receptive field."""
    if name is None:
        from profundo.nets import NETS
        from profundo.records import ProfundoError

        if data or inputs:
            raise ProfundoError("say which net, such as `profundo nets lenet5 --input 1x28x28`")
        print_names(dict(NETS), "nets", as_json)
        return
    from profundo.inspect.net_table import tabulated

    table = tabulated(name, data=data, inputs=inputs, data_dir=data_dir)
    if as_json:
        print_json(table.as_plain_data())
    else:
        print(table)


@command(INSIDE)
def activations(
    out: Annotated[
        Path | None, typer.Option(help="Write a page with their curves and derivatives here.", show_default=False)
    ] = None,
    as_json: Json = False,
) -> None:
    """List the activations with formula, derivative, range and advice."""
    from profundo.files import check_out, write_text
    from profundo.inspect.activation_page import activations_page, listed

    if out is not None:
        check_out(out)
        write_text(out, activations_page())
    if as_json:
        print_json({"activations": listed()} | ({} if out is None else {"page": str(out)}))
    elif out is not None:
        print(out)
    else:
        for name, one in listed().items():
            print(f"{name}\n  f(a) = {one['formula']}\n  f′(a) = {one['derivative']}")
            print(f"  range {one['range']}, gain {one['gain']:.4g}. {one['advice']}")


@command(INSIDE, context_settings={"help_option_names": ["--help"], "ignore_unknown_options": True})
def graph(
    context: typer.Context,
    what: Annotated[
        str | None,
        typer.Argument(
            metavar="FORMULA|RUN|FILE.py:NAME", help='Such as "(a+b)*3b", runs/digits-1, or my_module.py:Net.'
        ),
    ] = None,
    values: Annotated[
        list[str] | None, typer.Argument(metavar="NAME=VALUE", help="Of the formula's variables, such as a=5.")
    ] = None,
    net: Annotated[str | None, typer.Option(help="A name of `profundo nets`, on --data.", show_default=False)] = None,
    data: Annotated[
        str | None, typer.Option(help="A name of `profundo datasets`, or a folder of images.", show_default=False)
    ] = None,
    inputs: Annotated[
        list[str] | None,
        typer.Option(
            "--input",
            metavar="SIZES",
            help="What NAME takes, such as 1x3x32x32 (normal numbers) or int64:1x20 (zeros and ones, at random); "
            "repeat it for several.",
        ),
    ] = None,
    derive: Annotated[
        list[str] | None,
        typer.Option(metavar="NODE", help="Write out the derivative by this node; may be repeated."),
    ] = None,
    depth: Annotated[
        int | None, typer.Option(min=1, help="Fold modules so many levels down.", show_default=False)
    ] = None,
    limit: Annotated[int, typer.Option(min=1, help="Rows of a table.")] = 60,
    latex: Annotated[bool, typer.Option("--latex", help="Derivatives in LaTeX.")] = False,
    profile: Annotated[bool, typer.Option("--profile", help="Say where time and memory go.")] = False,
    svg: Annotated[Path | None, typer.Option(help="Draw the graph into this file.", show_default=False)] = None,
    dot: Annotated[Path | None, typer.Option(help="The graph for Graphviz.", show_default=False)] = None,
    mermaid: Annotated[Path | None, typer.Option(help="The graph for Mermaid.", show_default=False)] = None,
    data_dir: DataDir = None,
    as_json: Json = False,
) -> None:
    """Open a computation: every step with its value, its gradient and the chain rule behind it.

    Of a formula:  profundo graph "(a+b)*3*b" a=5 b=3

    Of a net on real samples:  profundo graph --net lenet5 --data digits

    Of what a run has trained:  profundo graph runs/digits-1

    Of a module or function of your own:  profundo graph my_module.py:Net --input 1x3x32x32

    The file my_module.py is Python code of yours and is run, as `python my_module.py` runs it, but with a __name__ of
    its own.
    """
    if what == "-h":
        print(context.get_help())
        return
    from profundo.inspect.graph_views import asked, derivations, profiled, write_files

    shown = asked(what, values or [], net=net, data=data, inputs=inputs or [], data_dir=data_dir)
    derived = derivations(shown.graph, derive or (None if shown.is_formula else []))
    times = profiled(shown) if profile else None
    written = write_files(shown.graph, {"svg": svg, "dot": dot, "mermaid": mermaid}, depth)
    print_graph(shown, derived, times, depth=depth, limit=limit, latex=latex, as_json=as_json)
    for path in written:
        print(f"written: {path}", file=sys.stderr)


@command(INSIDE)
def landscape(
    run: RunFolder,
    other: Annotated[
        Path | None,
        typer.Argument(metavar="[RUN]", help="Another run of the same net: the ways between.", show_default=False),
    ] = None,
    points: Annotated[int, typer.Option(help="Along each side of a plane, 3 to 201.")] = 31,
    span: Annotated[float, typer.Option(help="How far a random plane reaches, in lengths of the weights.")] = 1.0,
    samples: Annotated[int, typer.Option(min=1, help="Of the split, at most.")] = 2000,
    split: Annotated[str, typer.Option(help="train, validation or test.")] = "train",
    plane: Annotated[
        list[str] | None,
        typer.Option(help="random or path (of training); may be repeated. Both otherwise.", show_default=False),
    ] = None,
    curvature: Annotated[bool, typer.Option("--curvature/--no-curvature", help="Also eigenvalues and trace.")] = True,
    member: Member = None,
    seed: Annotated[int, typer.Option(min=0, max=2**63 - 1, help="Of samples, directions and bends.")] = 0,
    out: Annotated[
        Path | None,
        typer.Option(
            help="A page (.html), or numbers (.json, .npz, .csv); RUN/landscape.html otherwise.", show_default=False
        ),
    ] = None,
    as_json: Json = False,
) -> None:
    """Draw the surface that training went down: planes around the solution, its sharpness, the ways to another solution.

    What is interrupted goes on where it was when the same is called again.
    """
    from profundo.files import check_out
    from profundo.inspect.landscape_page import ENDINGS
    from profundo.records import Interrupted
    from profundo.runs.folder import Folder
    from profundo.use.looking_into import landscape as measure

    page = out if out is not None else Folder.open(run).path / "landscape.html"
    check_out(page, *ENDINGS)
    try:
        found = measure(
            *(run, other), points=points, span=span, samples=samples, split=split, seed=seed, curvature=curvature,
            planes=plane or ("random", "path"), member=member, tell=print_progress,
        )  # fmt: skip
    except Interrupted:
        print("interrupted, the points are kept; the same command goes on", file=sys.stderr)
        raise
    found.write(page)
    if as_json:
        print_json({**found.as_plain_data(), "page": str(page)})
    else:
        print(f"{found}\n{page}")
