"""Values flow through rooms; imports do not. Read from the source with `ast`, so that no import can hide."""

import ast
from pathlib import Path

import profundo

HOUSE = Path(profundo.__file__).parent
GROUND = {"records", "files", "compiler", "threads"}  # every room may stand on these
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
