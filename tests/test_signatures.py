"""What `help(…)` shows first of a function can be read at a glance."""

import inspect
import pkgutil
from importlib import import_module

import profundo

LONGEST = 200  # characters of a default


def test_no_default_of_an_argument_fills_the_screen():
    names = [module.name for module in pkgutil.walk_packages(profundo.__path__, "profundo.")]
    long = {}
    for module in map(import_module, (name for name in names if not name.endswith("__main__"))):
        for name, function in inspect.getmembers(module, inspect.isfunction):
            shown = {one.name: repr(one.default) for one in inspect.signature(function).parameters.values()}
            long |= {f"{module.__name__}.{name} {one}": text for one, text in shown.items() if len(text) > LONGEST}
    assert long == {}
