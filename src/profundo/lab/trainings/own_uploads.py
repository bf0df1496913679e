"""Data of one's own: an upload that is looked at, corrected and trained on lies beside the runs, which outlive the lab.

runs/.data/TOKEN/houses.csv: a folder for each upload, in it the file under the name that its person knows it by. What no
run speaks of is removed after a day.
"""

from __future__ import annotations

import os
import re
import shutil
import time
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

from profundo.data.dataset_names import SUFFIXES
from profundo.data.dataset_names import names as dataset_names
from profundo.data.streams.archives import check_archive
from profundo.data.tables.spreadsheets import check_no_spreadsheet
from profundo.files import erase, open_place
from profundo.lab.desks import OWN_DATA, Lab
from profundo.lab.uploads import upload_path
from profundo.languages import Said
from profundo.records import ProfundoError
from profundo.runs.live.live_reading import run_names, run_row

__all__ = ["data_path", "erase_unused", "keep_upload", "source_of"]

OWN = re.compile(r"own:([A-Za-z0-9_-]{16})/([\w. (),+-]{1,80})")
ODD = re.compile(r"[^\w. (),+-]+")
READ = (*SUFFIXES, ".zip", ".npz")
DAY = 86400.0  # seconds


def keep_upload(lab: Lab, upload: str, called: str) -> str:
    """Put an upload where trainings find it; how it is called from then on: own:TOKEN/NAME.

    Raises ProfundoError for a kind of file that is not read, and for an archive that is not what it seems.
    """
    path = upload_path(lab, upload)
    name = ODD.sub("-", called.replace("\\", "/").rpartition("/")[2])[-80:].strip(". ") or "data"
    ending = Path(name).suffix.lower()
    if ending not in READ:
        check_no_spreadsheet(Path(name))
        raise ProfundoError(Said("refusals.file_ending", name=name, endings=READ))
    if ending in (".zip", ".npz"):
        check_archive(path, name)
    erase_unused(lab.runs)
    token = upload.partition(".")[0]
    try:
        with (
            open_place(lab.runs / OWN_DATA / token, lab.runs, make=True) as here,
            here.create(name) as file,
            path.open("rb") as source,
        ):
            shutil.copyfileobj(source, file)
    except OSError as error:
        raise ProfundoError(Said("refusals.full_disk", reason=str(error.strerror or error))) from None
    return f"own:{token}/{name}"


def data_path(lab: Lab, data: str) -> str:
    """What training is told: the name of a data set, or the path of what was uploaded. Raises ProfundoError for all else."""
    if data in dataset_names():
        return data
    own = OWN.fullmatch(data)
    if own is None or own[2].startswith("."):
        raise ProfundoError(Said("refusals.unknown_data", name=data[:60]))
    folder = lab.runs / OWN_DATA / own[1]
    path = folder / own[2]
    if (lab.runs / OWN_DATA).is_symlink() or folder.is_symlink() or path.is_symlink() or not path.is_file():
        raise ProfundoError(Said("refusals.gone_data", name=own[2]))
    return str(path.absolute())  # for who goes on with the run may stand elsewhere


def source_of(lab: Lab, data: str) -> str:
    """The same backwards: what the page calls the data of a run; empty where it cannot choose them."""
    if data in dataset_names():
        return data
    path = Path(data)
    own = f"own:{path.parent.name}/{path.name}"
    return own if path.parent.parent == lab.runs.absolute() / OWN_DATA and OWN.fullmatch(own) else ""


def erase_unused(runs: Path, now: float | None = None) -> None:
    """Remove uploads that no run speaks of any more, a day after they came."""
    now = time.time() if now is None else now
    old = [folder for folder in folders(runs / OWN_DATA) if now - folder.stat(follow_symlinks=False).st_mtime > DAY]
    if not old:
        return
    spoken_of = {str(run_row(runs, name).settings.get("data", "")) for name in run_names(runs)}
    for folder in old:
        if not any(f"/{folder.name}/" in data for data in spoken_of):
            erase(folder)


def folders(parent: Path) -> Iterator[Path]:
    with suppress(OSError), os.scandir(parent) as entries:
        yield from [Path(entry.path) for entry in entries if entry.is_dir(follow_symlinks=False)]
