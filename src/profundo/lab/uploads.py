"""Files that a page sends and fetches: received piece by piece within bounds, named by us, given back without a script's rights."""

from __future__ import annotations

import asyncio
import json
import os
import re
import secrets
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from starlette.exceptions import HTTPException
from starlette.responses import FileResponse, Response

from profundo.lab.limits import Refusal
from profundo.languages import Said
from profundo.records import ProfundoError

if TYPE_CHECKING:
    from starlette.requests import Request

    from profundo.lab.desks import Lab

__all__ = ["UploadLimits", "Uploads", "kept_file", "upload_path"]

SUFFIX = re.compile(r"(\.[A-Za-z0-9]{1,8})+$")
NAME = re.compile(r"[A-Za-z0-9_-]{16}(\.[a-z0-9]{1,8})*")
# A report runs no script, loads nothing, and has no origin of its own, whatever a stranger's run holds.
REPORT_POLICY = "sandbox allow-popups; default-src 'none'; style-src 'unsafe-inline'; img-src data:; media-src data:; font-src data:"
REPORTS = ("report.html", "comparison.html", "inside.html", "landscape.html")
DOWNLOADS = {".py": "text/x-python", ".zip": "application/zip", ".csv": "text/csv", ".json": "application/json"}


@dataclass(frozen=True, slots=True)
class UploadLimits:
    """bytes: of one file; all_bytes: of all together; seconds: for one to come."""

    bytes: int = 200_000_000
    all_bytes: int = 2_000_000_000
    seconds: float = 300.0


class Uploads:
    """The folder of a lab's files, within bounds: for a new one those go that were used longest ago. For one event loop."""

    def __init__(self, folder: Path, limits: UploadLimits | None = None) -> None:
        self.folder, self.limits = folder, limits or UploadLimits()
        self.arriving: dict[str, int] = {}  # name → bytes that are kept free for it

    async def received(self, request: Request) -> bytes:
        """Keep the body as a new file; JSON with its name here and its size.

        The page says what the file is called in `?name=`; only its suffixes are kept. Raises Refusal: 413 for one too large,
        408 for one too slow, 503 while too many come, 507 for a full disk; ClientDisconnect.
        """
        suffix = SUFFIX.search(request.query_params.get("name", "")[-100:])
        name = secrets.token_urlsafe(12) + (suffix[0].lower() if suffix else "")
        path, most = self.folder / name, self.reserve(name, request.headers.get("content-length"))
        try:
            async with asyncio.timeout(self.limits.seconds):
                size = await written(request, path, most)
        except BaseException as error:
            path.unlink(missing_ok=True)
            if isinstance(error, TimeoutError):
                raise Refusal(408, Said("refusals.late_file", seconds=self.limits.seconds)) from None
            if isinstance(error, OSError):
                raise Refusal(507, Said("refusals.full_disk", reason=str(error.strerror or error))) from None
            raise
        finally:
            del self.arriving[name]
        return json.dumps({"name": name, "bytes": size}).encode()

    def reserve(self, name: str, told: str | None) -> int:
        """Make room for a file before its first byte; returns how many it may have."""
        size = self.limits.bytes if told is None else int_of(told)
        if size > self.limits.bytes:
            raise Refusal(413, Said("refusals.too_large_file", most=self.limits.bytes))
        free = self.limits.all_bytes - sum(self.arriving.values()) - size
        if free < 0:
            raise Refusal(503, Said("refusals.files_coming"), 5)
        for path, held in reversed(self.last_used()):
            free -= held
            if free < 0:
                path.unlink(missing_ok=True)
        self.arriving[name] = size
        return size

    def last_used(self) -> list[tuple[Path, int]]:
        """The oldest first, with their sizes, but for those on their way and what is none of a page's."""
        names = [name for name in os.listdir(self.folder) if NAME.fullmatch(name) and name not in self.arriving]
        found = [(self.folder / name, (self.folder / name).stat(follow_symlinks=False)) for name in names]
        return [(path, there.st_size) for path, there in sorted(found, key=lambda one: one[1].st_mtime_ns)]


async def written(request: Request, path: Path, most: int) -> int:
    size = 0
    handle = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(handle, "wb") as file:
        async for chunk in request.stream():
            size += len(chunk)
            if size > most:
                raise Refusal(413, Said("refusals.too_large_file", most=most))
            await asyncio.to_thread(file.write, chunk)
    return size


def int_of(text: str) -> int:
    if not (text.isascii() and text.isdigit()) or len(text) > 18:
        raise Refusal(400, "Content-Length: expected a number of bytes")
    return int(text)


def upload_path(lab: Lab, name: str) -> Path:
    """Where an upload lies, which is used now. Raises ProfundoError for a name that is none of ours, or has gone."""
    if (path := found_upload(lab, name)) is None:
        raise ProfundoError(Said("refusals.gone_upload"))
    return path


def found_upload(lab: Lab, name: str) -> Path | None:
    path = lab.uploads / name
    if not NAME.fullmatch(name) or path.is_symlink() or not path.is_file():
        return None
    with suppress(OSError):
        os.utime(path)
    return path


def kept_file(lab: Lab, place: str) -> Response:
    """`downloads/NAME`, which a room put among the uploads, or `runs/RUN/report.html`; read piece by piece as it is sent."""
    parts = place.split("/")
    if len(parts) == 2 and parts[0] == "downloads" and (path := found_upload(lab, parts[1])):
        media = DOWNLOADS.get(path.suffix)
        if media:
            said = f"attachment; filename=profundo{path.suffix}"
            return FileResponse(path, media_type=media, headers={"content-disposition": said})
    if len(parts) == 3 and parts[0] == "runs" and parts[2] in REPORTS and is_page(lab.runs, parts[1], parts[2]):
        headers = {"content-security-policy": REPORT_POLICY}
        return FileResponse(lab.runs / parts[1] / parts[2], media_type="text/html", headers=headers)
    raise HTTPException(404)


def is_page(runs: Path, run: str, page: str) -> bool:
    """Whether it is a page of a run that lies in the folder of runs itself, and not through a link."""
    if run in ("", ".", "..") or "\\" in run or "\0" in run:
        return False
    folder = runs / run
    return not folder.is_symlink() and not (folder / page).is_symlink() and (folder / page).is_file()
