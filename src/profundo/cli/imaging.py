"""The command that opens an image: pixels, colours, convolution, pooling."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Annotated

import typer

from profundo.cli.app import INSIDE, Json, command
from profundo.cli.printing import print_json


@command(INSIDE)
def image(
    file: Annotated[str, typer.Argument(metavar="FILE", help="An image, or .npy; or a sample: flower, china, course.")],
    kernel: Annotated[
        str | None,
        typer.Option(
            metavar="NAME|WEIGHTS",
            help="identity, box, gaussian, sharpen, sobel-x, sobel-y, prewitt-x, prewitt-y, laplace, laplace-8, emboss, "
            'gabor; some with a number, as box:5; or weights, as "1 0 1; 0 1 0; 1 0 1".',
            show_default=False,
        ),
    ] = None,
    stride: Annotated[int, typer.Option(min=1, help="Pixels from one place of the kernel to the next.")] = 1,
    padding: Annotated[str, typer.Option(help="Pixels around the image: 1, same, mirror, zero:2 or mirror:2.")] = "0",
    dilation: Annotated[int, typer.Option(min=1, help="Pixels from one weight of the kernel to the next.")] = 1,
    flip: Annotated[
        bool, typer.Option("--flip", help="Turn the kernel by 180°, as convolutions in mathematics do.")
    ] = False,
    pool: Annotated[
        str | None,
        typer.Option(metavar="KIND:SIZE", help="Pool what comes out: max:2, min:2, average:3.", show_default=False),
    ] = None,
    space: Annotated[
        str | None, typer.Option(help="Only this: rgb, hsv, hsl, lab, ycbcr, cmyk or grey.", show_default=False)
    ] = None,
    at: Annotated[
        str | None, typer.Option(metavar="X,Y", help="The pixel to look at; the middle otherwise.", show_default=False)
    ] = None,
    out: Annotated[
        Path | None, typer.Option(help="Write a page with pictures of all this here.", show_default=False)
    ] = None,
    as_json: Json = False,
) -> None:
    """Open an image as numbers: pixels, channels, colour spaces; a kernel over it product by product; pooling.

    profundo image photo.jpg --at 120,80

    profundo image course --kernel "1 0 1; 0 1 0; 1 0 1"

    profundo image flower --kernel sobel-x --pool max:2 --out image.html
    """
    from profundo.inspect.image_view import image_view

    view = image_view(
        file,
        at=None if at is None else _place(at),
        space=space,
        kernel=kernel,
        stride=stride,
        padding=padding,
        dilation=dilation,
        pool=pool,
        flip=flip,
    )
    if out is not None:
        from profundo.files import check_out, write_text
        from profundo.inspect.image_sheet import image_page

        check_out(out, ".html")
        write_text(out, image_page(view))
    if as_json:
        print_json(view.as_plain_data() | ({} if out is None else {"page": str(out)}))
        return
    print(view)
    if out is not None:
        print(f"written: {out}", file=sys.stderr)


def _place(text: str) -> tuple[int, int]:
    from profundo.records import ProfundoError

    numbers = [word.strip() for word in text.split(",")]
    if len(numbers) != 2 or not all(word.isdecimal() for word in numbers):
        raise ProfundoError(f"--at: expected two whole numbers such as 120,80 (x to the right, y down), got {text!r}")
    return int(numbers[0]), int(numbers[1])
