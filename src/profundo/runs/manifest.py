"""What a finished run was: manifest.json keeps its settings, what identifies its data, and the SHA-256 of its files.

It is written before the scores, whose digest it holds; the scores mark a run as finished, so that a finished run has a
manifest whenever its process died. It shows an edit, a mix-up or a lost file. It is no signature: who makes a whole
folder can make its manifest, too.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Collection, Mapping
from pathlib import Path
from typing import Any

from pydantic import BaseModel, ValidationError

from profundo.files import PUT_BACK, in_words, read_object, sha256, write_bytes, write_json
from profundo.languages import Said
from profundo.records import ProfundoError
from profundo.runs.experiment import WITHOUT_EFFECT
from profundo.runs.folder import Folder
from profundo.runs.given.foreign import without_gone
from profundo.runs.settings.plain_yaml import read_experiment
from profundo.runs.voice import note
from profundo.train.checkpoints import digest

__all__ = ["MAY_MOVE", "check_data_facts", "check_files", "differences", "finish", "flat"]

MAY_MOVE = (*WITHOUT_EFFECT, "data")  # of a training, where its facts tell whether it is the same


class Content(BaseModel):
    """Of a file. The size is compared first, so that gigabytes in its place are not read."""

    bytes: int
    sha256: str


class Manifest(BaseModel):
    """manifest.json. settings: of experiment.yaml; data: facts that identify them; files: by name."""

    settings: dict[str, Any]
    data: dict[str, Any]
    files: dict[str, Content]


def finish(
    folder: Folder, settings: Mapping[str, Any], facts: Mapping[str, Any], scores: Mapping[str, Any], *others: Path
) -> None:
    """Write the last two files of a run: the manifest, then the scores.

    settings: that were followed, as experiment.yaml has them; facts: what identifies the data; others: more files of the
    run.
    """
    text = (json.dumps(scores, indent=2, ensure_ascii=False) + "\n").encode()
    kept = (folder.experiment, folder.environment, folder.history, folder.model, folder.weights)
    files = {
        path.relative_to(folder.path).as_posix(): {"bytes": path.stat().st_size, "sha256": sha256(path)}
        for path in (*kept, *others)
        if path.is_file()
    }
    files[folder.scores.name] = {"bytes": len(text), "sha256": hashlib.sha256(text).hexdigest()}
    entries = {"settings": dict(settings), "data": dict(facts), "files": files}
    write_json(folder.manifest, {**entries, "sha256": digest(entries)})
    write_bytes(folder.scores, text)


def read_manifest(folder: Folder) -> Manifest:
    """Raises ProfundoError when it is missing, or differs from what was written."""
    if not folder.manifest.exists():
        raise ProfundoError(
            f"{folder.manifest}: is missing, so that nothing tells whether the run is as it ended; {PUT_BACK}",
            told=Said("refusals.no_manifest", where=folder.manifest),
        )
    content = read_object(folder.manifest)
    vouched = content.pop("sha256", None)
    try:
        if vouched != digest(content):
            raise ValueError("it differs from what was written")
        return Manifest(**content)
    except (ValidationError, TypeError, ValueError) as error:
        raise ProfundoError(
            f"{folder.manifest}: expected what a finished run was: {in_words(error)}; {PUT_BACK}"
        ) from None


def check_files(
    folder: Folder,
    passed_on: Collection[str] = (),
    notice: Callable[[str], None] = note,
    ignored: Collection[str] = WITHOUT_EFFECT,
) -> None:
    """Compare a finished run with its manifest; each file that changed since is a notice.

    passed_on: names of files whose content is shown as the run's. Where one of them changed, raises ProfundoError.
    ignored: settings of experiment.yaml of which another value is no more than a notice.
    """
    try:
        manifest = read_manifest(folder)
    except ProfundoError as error:
        if passed_on:
            raise
        notice(str(error))
        return
    for name in dict.fromkeys((*manifest.files, *passed_on)):
        path, content = folder.path / name, manifest.files.get(name)
        changes, with_effect = [], True
        if path == folder.experiment:
            before, now = flat(manifest.settings), flat(read_experiment(path))
            changes, with_effect = differences(before, now), bool(differences(before, now, ignored))
        if path == folder.weights or (is_as_kept(path, content) and not changes):
            continue  # weights are compared when they are read
        how = Said("refusals.changed_since" if path.exists() else "refusals.is_away")
        how = Said("refusals.changed_by", how=how, changes=tuple(changes)) if changes else how
        if name in passed_on and with_effect:
            raise ProfundoError(Said("refusals.altered_file", where=path, how=how))
        notice(f"{path}: {how}")


def is_as_kept(path: Path, content: Content | None) -> bool:
    if content is None:
        return not path.exists()
    return path.is_file() and path.stat().st_size == content.bytes and sha256(path) == content.sha256


def check_data_facts(folder: Folder, facts: Mapping[str, Any]) -> None:
    """Raises ProfundoError unless the data are those that the run was trained on."""
    changes = differences(read_manifest(folder).data, facts)
    if changes:
        raise ProfundoError(
            f"{folder.path}: the data are not those of the run, or are split otherwise: {'; '.join(changes)}; figures on "
            "them would not be the run's. Put the data back, or train anew",
            told=Said("refusals.other_data", where=folder.path, changes=tuple(changes)),
        )


def differences(before: Mapping[str, Any], now: Mapping[str, Any], ignored: Collection[str] = ()) -> list[str]:
    """What was and is, of each entry that is another."""
    return [
        Said("refusals.was_is", name=name, before=value_in_words(before.get(name)), now=value_in_words(now.get(name)))
        for name in dict.fromkeys((*before, *now))
        if before.get(name) != now.get(name) and name not in ignored
    ]


def value_in_words(value: Any) -> str:
    return Said("refusals.not_set") if value is None else repr(value)


def flat(asked: Mapping[str, Any]) -> dict[str, Any]:
    """The settings inside "settings", of recipes and studies, beside the others; without those that there are no more."""
    inner = asked.get("settings")
    rest = {name: value for name, value in asked.items() if name != "settings"}
    return without_gone({**rest, **inner} if isinstance(inner, dict) else asked)
