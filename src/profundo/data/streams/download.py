"""Fetch a file once, check it, keep it. What is not whole and right never gets its name."""

from __future__ import annotations

import hashlib
import http.client
import logging
import os
import urllib.request
from collections.abc import Sequence
from pathlib import Path

from profundo.files import clear_abandoned, reason
from profundo.languages import Said
from profundo.records import ProfundoError

__all__ = ["fetch"]

_TIMEOUT = 30.0  # seconds without an answer
_LARGEST = 2**30  # bytes
_log = logging.getLogger(__name__)


def fetch(path: Path, mirrors: Sequence[str], sha256: str) -> Path:
    """The file at `path`, after a download from the first mirror that has it right, unless it is there already.

    sha256: all of it, or as many of its first digits as are known. Raises ProfundoError when no mirror does, saying why,
    and where to put the file by hand.
    """
    if path.is_file():
        return path
    part = path.with_name(f".{path.name}.{os.getpid()}.part")
    reasons = []
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        clear_abandoned(path.parent, path.name)
        for mirror in mirrors:
            try:
                part.unlink(missing_ok=True)  # another mirror's
                result = _download(mirror, part)
            except (OSError, http.client.HTTPException, ValueError) as error:
                reasons.append(f"{mirror}: {str(error) or type(error).__name__}")
                continue
            if result.startswith(sha256):
                part.replace(path)
                return path
            reasons.append(f"{mirror}: SHA-256 {result[:12]}…, expected {sha256[:12]}…")
    except OSError as error:
        reasons.append(f"{path.parent}: {reason(error)}")
    finally:
        part.unlink(missing_ok=True)
    raise ProfundoError(
        f"{path.name} could not be fetched ({'; '.join(' '.join(reason.split()) for reason in reasons)}); connect "
        f"to the network, or put it in <folder>/{path.parent.name}/ and name that folder by PROFUNDO_DATA or --data-dir",
        told=Said(
            "refusals.not_fetched", name=path.name, reasons="; ".join(" ".join(reason.split()) for reason in reasons)
        ),
    )


def _download(url: str, part: Path) -> str:
    """SHA-256 of what the address gave, written and flushed to `part`."""
    _log.info("fetching %s", url)
    digest, size = hashlib.sha256(), 0
    with urllib.request.urlopen(url, timeout=_TIMEOUT) as answer, part.open("xb") as file:
        while block := answer.read(2**20):
            size += len(block)
            if size > _LARGEST:
                raise ValueError(f"more than {_LARGEST:,} bytes")
            digest.update(block)
            file.write(block)
        file.flush()
        os.fsync(file.fileno())
    return digest.hexdigest()
