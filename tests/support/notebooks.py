"""Runs the cells of a notebook and keeps what they show, without a notebook server.

python tests/notebooks.py docs/graph.ipynb     # runs it and writes its outputs into it
"""

import ast
import contextlib
import io
import json
import sys
from pathlib import Path
from typing import Any


def run(path: Path) -> dict[str, Any]:
    """The notebook with fresh outputs: what was printed, and the last value of each cell as picture and text."""
    notebook = json.loads(path.read_text("utf-8"))
    names: dict[str, Any] = {"__name__": "__main__"}
    number = 0
    for cell in notebook["cells"]:
        if cell["cell_type"] == "code":
            number += 1
            cell["execution_count"] = number
            cell["outputs"] = run_cell("".join(cell["source"]), names, number)
    return notebook


def run_cell(source: str, names: dict[str, Any], number: int) -> list[dict[str, Any]]:
    tree = ast.parse(source)
    last = tree.body.pop() if tree.body and isinstance(tree.body[-1], ast.Expr) else None
    printed = io.StringIO()
    with contextlib.redirect_stdout(printed):
        exec(compile(tree, f"<cell {number}>", "exec"), names)
        value = eval(compile(ast.Expression(last.value), f"<cell {number}>", "eval"), names) if last else None
    outputs: list[dict[str, Any]] = []
    if printed.getvalue():
        outputs.append(
            {"output_type": "stream", "name": "stdout", "text": printed.getvalue().splitlines(keepends=True)}
        )
    if value is not None:
        outputs.append(
            {"output_type": "execute_result", "execution_count": number, "metadata": {}, "data": shown(value)}
        )
    return outputs


def shown(value: Any) -> dict[str, list[str]]:
    """By MIME type, as notebooks ask objects for it."""
    data = {"text/plain": str(value)}
    for kind, method in (("image/svg+xml", "_repr_svg_"), ("text/html", "_repr_html_"), ("text/latex", "_repr_latex_")):
        if hasattr(value, method):
            data[kind] = getattr(value, method)()
    return {kind: text.splitlines(keepends=True) for kind, text in data.items()}


if __name__ == "__main__":
    for name in sys.argv[1:]:
        Path(name).write_text(json.dumps(run(Path(name)), indent=1, ensure_ascii=False) + "\n", "utf-8")
