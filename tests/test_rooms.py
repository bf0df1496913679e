"""Values flow through rooms; imports do not. Read from the source with `ast`, so that no import can hide, not even one
inside a function."""

import ast
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import profundo

HOUSE = Path(profundo.__file__).parent
GROUND = {
    "kinds",
    "records",
    "files",
    "units",
    "trees",
    "compiler",
    "dispatch",
    "threads",
    "mel",
    "boxes",
    "object_masks",
    "ranks_and_places",
    "image_files",
    "languages",
    "form_faults",
}  # every room may stand on these
ALLOWED = {("inside", "graph"), ("graph", "pictures")}  # beside the ground, for the rooms below
# The joiners may enter any room below them; each its own storey's only where said.
STOREYS = [
    {"looks"},
    {"doctor"},
    {"runs"},
    {"studies", "recipes", "inspect", "playground"},
    {"use", "sklearn"},
    {"lab"},
    {"cli"},
    {"__init__", "__main__"},
]
MOST_MODULES = 24  # in a folder: more are several ideas
LIKE_THINGS = {"nets", "recipes/zoo"}  # catalogues: one more file there is one more of the same kind


def modules() -> dict[str, Path]:
    """Dotted name → file, of every module of the house."""
    paths = sorted(HOUSE.rglob("*.py"))
    assert paths, "no module was found at all"
    names = [path.relative_to(HOUSE.parent).with_suffix("").parts for path in paths]
    return {".".join(parts).removesuffix(".__init__"): path for parts, path in zip(names, paths, strict=True)}


def imported(path: Path) -> Iterator[str]:
    """Dotted names of what a file takes from the house, wherever in the file it says so."""
    for node in ast.walk(ast.parse(path.read_text("utf-8"))):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names if alias.name.startswith("profundo."))
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{path}: relative import"
            if (node.module or "").split(".")[0] == "profundo":
                names = (f"{node.module}.{alias.name}" for alias in node.names)
                yield from (name for name in names if name != "profundo.__version__")


def arrows() -> dict[str, set[str]]:
    """Module → modules that it imports; a name of a package stands for the package."""
    house = modules()
    targets = {
        name: {target if target in house else target.rpartition(".")[0] for target in imported(path)}
        for name, path in house.items()
    }
    assert any(targets.values()), "no import was found at all"
    return {name: found - {name} for name, found in targets.items()}


def room(module: str) -> str:
    return [*module.split("."), "__init__"][1]


def storey(name: str) -> int:
    """0 for the rooms below the joiners."""
    return next((height for height, rooms in enumerate(STOREYS, 1) if name in rooms), 0)


def may_import(name: str, target: str) -> bool:
    if target in GROUND | {name, "__init__"}:  # `from profundo import nets` names the house itself
        return True
    return storey(name) > storey(target) or (name, target) in ALLOWED


def circles(graph: dict[str, set[str]]) -> list[set[str]]:
    """Strongly connected components of more than one module (Tarjan 1972)."""
    order: dict[str, int] = {}
    low: dict[str, int] = {}
    path: list[str] = []
    found = []

    def visit(module: str) -> None:
        order[module] = low[module] = len(order)
        path.append(module)
        for target in graph[module]:
            if target not in order:
                visit(target)
            if target in path:
                low[module] = min(low[module], low[target])
        if low[module] == order[module]:
            circle = set(path[path.index(module) :])
            del path[path.index(module) :]
            if len(circle) > 1:
                found.append(circle)

    for module in graph:
        if module not in order:
            visit(module)
    return found


def test_rooms_import_only_what_lies_below_them():
    pairs = {(name, target) for name, targets in arrows().items() for target in targets}
    wrong = [f"{name} → {target}" for name, target in sorted(pairs) if not may_import(room(name), room(target))]
    assert wrong == []


def test_no_modules_import_each_other_in_a_circle():
    assert circles({"a": {"b"}, "b": {"c"}, "c": {"a"}, "d": {"a"}}) == [{"a", "b", "c"}]
    assert circles(arrows()) == []


def test_no_folder_holds_more_than_one_idea_needs():
    folders = Counter(
        path.parent.relative_to(HOUSE).as_posix() for path in modules().values() if path.stem != "__init__"
    )
    assert {name: count for name, count in folders.items() if count > MOST_MODULES and name not in LIKE_THINGS} == {}


def test_a_file_name_stands_for_one_thing():
    names = Counter(path.name for path in modules().values() if path.stem != "__init__")
    assert [name for name, count in names.items() if count > 1] == []


def test_the_plan_in_the_docs_names_every_room():
    plan = (Path(__file__).parent.parent / "docs" / "house.md").read_text("utf-8")
    rooms = {path.name for path in HOUSE.iterdir() if (path / "__init__.py").exists()}
    named = {line.split("`")[1].rstrip("/") for line in plan.splitlines() if line.startswith("| `")}
    assert named == rooms | {f"{name}.py" for name in GROUND}
