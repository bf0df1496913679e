"""Values flow through rooms; imports do not. Read from the source with `ast`, so that no import can hide."""

import ast
from pathlib import Path

import profundo

HOUSE = Path(profundo.__file__).parent
GROUND = {"records", "files", "compiler"}  # every room may stand on these
# and these may enter any room
JOINERS = {"looks", "runs", "studies", "recipes", "use", "inspect", "lab", "cli", "__init__", "__main__"}
ALLOWED = {("doctor", "graph"), ("graph", "pictures")}


def arrows() -> list[tuple[str, str, str]]:
    """(file, room it lives in, room it imports from) of every import of Profundo's own modules."""
    found = []
    for path in HOUSE.rglob("*.py"):
        inside = path.relative_to(HOUSE)
        room = inside.parts[0].removesuffix(".py")
        for node in ast.walk(ast.parse(path.read_text("utf-8"))):
            names: list[str] = []
            if isinstance(node, ast.Import):
                names = [alias.name for alias in node.names]
            elif isinstance(node, ast.ImportFrom):
                assert node.level == 0, f"{inside}: relative import"
                names = [node.module or ""]
                if node.module == "profundo":
                    names = [f"profundo.{alias.name}" for alias in node.names]
            found += [(str(inside), room, name.split(".")[1]) for name in names if name.startswith("profundo.")]
    return found


def test_rooms_import_only_the_ground_they_stand_on():
    wrong = [
        f"{file}: {room} → {target}"
        for file, room, target in arrows()
        if target not in GROUND | {room, "__version__"} and room not in JOINERS and (room, target) not in ALLOWED
    ]
    assert arrows(), "no import was found at all"
    assert wrong == []


def imports_inside(room: str) -> dict[str, set[str]]:
    """Of each module of a room, the others that it imports, wherever in the file that stands."""
    paths = {
        ".".join(path.relative_to(HOUSE.parent).with_suffix("").parts).removesuffix(".__init__"): path
        for path in (HOUSE / room).rglob("*.py")
    }
    graph: dict[str, set[str]] = {}
    for module, path in paths.items():
        names: set[str] = set()
        for node in ast.walk(ast.parse(path.read_text("utf-8"))):
            if isinstance(node, ast.Import):
                names |= {alias.name for alias in node.names}
            elif isinstance(node, ast.ImportFrom):
                inner = {f"{node.module}.{alias.name}" for alias in node.names}
                names |= {name if name in paths else node.module or "" for name in inner}
        graph[module] = names & paths.keys() - {module}
    return graph


def on_circles(graph: dict[str, set[str]]) -> list[str]:
    """What is left when all that imports nothing that is left has been taken away, again and again."""
    while leaves := [module for module, others in graph.items() if not others & graph.keys()]:
        graph = {module: others for module, others in graph.items() if module not in leaves}
    return sorted(graph)


def test_no_module_of_the_graph_room_imports_itself_by_way_of_others():
    graph = imports_inside("graph")
    assert "profundo.graph.nodes" in graph["profundo.graph.running"]
    assert on_circles(graph) == []
    assert on_circles({"a": {"b"}, "b": {"c"}, "c": {"a"}, "d": set()}) == ["a", "b", "c"]
