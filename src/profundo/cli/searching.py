"""Commands that find images by what is on them."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Annotated

import typer

from profundo.cli.app import USE, Json, command
from profundo.cli.printing import print_json, print_progress


@command(USE)
def index_images(
    images: Annotated[
        Path, typer.Argument(metavar="FOLDER", help="A folder or .zip of images, with all folders in it.")
    ],
    out: Annotated[Path, typer.Option(help="The folder of the index; one that is there is brought up to date.")],
    by: Annotated[
        str,
        typer.Option(metavar="NAME|RUN", help="What is compared: a pretrained net, the folder of a run, or pixels."),
    ] = "efficientnet_lite0",
    image_size: Annotated[
        int | None, typer.Option(metavar="PIXELS", help="Pixels of a side that the net sees.", show_default=False)
    ] = None,
    bits: Annotated[int, typer.Option(min=0, help="Of a short code for each image, a multiple of 8; 0 for none.")] = 0,
    as_json: Json = False,
) -> None:
    """Keep what a net makes of every image in a folder, to be searched. Repeated, it looks at new and changed files only.

    profundo index-images photographs --out photographs.index
    """
    from profundo.use.image_search import index_images as index

    done = index(images, out, by, image_size=image_size, bits=bits, told=print_progress)
    print_progress("")
    if as_json:
        facts = {"images": len(done.index), "new": done.new, "kept": done.kept, "forgotten": done.forgotten}
        print_json(facts | {"index": str(out), "faults": list(done.faults)})
        return
    for fault in done.faults:
        print(f"left out: {fault}", file=sys.stderr)
    print(
        f"{out}: {len(done.index):,} images, {done.new:,} of them new; {done.forgotten:,} forgotten that are gone or changed"
    )


@command(USE)
def search_images(
    index: Annotated[Path, typer.Argument(metavar="INDEX", help="What `profundo index-images` made.")],
    queries: Annotated[list[Path], typer.Argument(metavar="IMAGE...", help="Images to find others like.")],
    count: Annotated[int, typer.Option(min=1, help="How many are found for each.")] = 10,
    by_codes: Annotated[bool, typer.Option("--by-codes", help="Find candidates by their short codes first.")] = False,
    out: Annotated[
        Path | None, typer.Option(help="Write a page with the pictures here, as .html.", show_default=False)
    ] = None,
    as_json: Json = False,
) -> None:
    """Find the images most like one, by what is on them.

    profundo search-images photographs.index holiday.jpg --out found.html
    """
    from profundo.use.image_search import search_images as search
    from profundo.use.image_search.image_index import open_index

    if out is not None:
        from profundo.files import check_out

        check_out(out, ".html")
    opened = open_index(index)
    encoder = opened.loaded_encoder()
    found = {str(query): search(opened, query, count, by_codes=by_codes, encoder=encoder) for query in queries}
    if out is not None:
        from profundo.files import write_text
        from profundo.use.image_search.search_page import search_page

        write_text(out, search_page(opened, found))
    if as_json:
        results = {
            name: [
                {"image": one.image, "likeness": one.likeness} | ({} if one.bits is None else {"bits": one.bits})
                for one in some
            ]
            for name, some in found.items()
        }
        print_json({"found": results} | ({} if out is None else {"page": str(out)}))
        return
    for name, some in found.items():
        print(name if len(found) > 1 else "likeness  image")
        for one in some:
            print(f"{one.likeness:8.4f}  {one.image}")
    if out is not None:
        print(f"written: {out}", file=sys.stderr)
