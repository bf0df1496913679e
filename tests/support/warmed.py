"""What each command would do anew, done once before the fork: the templates of pages are compiled."""

from pathlib import Path

import profundo.pictures
from profundo.pictures.rendering import _house

templates = Path(profundo.pictures.__file__).parent / "templates"
for template in templates.rglob("*.j2"):
    _house().get_template(template.relative_to(templates).as_posix())
