"""What each command would do anew, done once before the fork (the templates of pages are compiled), and what none needs here."""

import gc
import os
from pathlib import Path

import profundo.pictures
from profundo.pictures.rendering import _house

templates = Path(profundo.pictures.__file__).parent / "templates"
for template in templates.rglob("*.j2"):
    _house().get_template(template.relative_to(templates).as_posix())

os.fsync = lambda _: None  # as in conftest.py

gc.collect()
gc.freeze()  # a fork's collector need not walk through what is imported, and copy it page by page
gc.set_threshold(100_000, 20, 100)
