"""Files that a page sends and fetches: received piece by piece within bounds, named by us, given back without a script's rights."""

from __future__ import annotations

import asyncio
import json
import os
import re
import secrets
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import quote

from starlette.exceptions import HTTPException
from starlette.responses import Response

from profundo.lab.limits import Refusal

if TYPE_CHECKING:
    from starlette.requests import Request

    from profundo.lab.desks import Lab

__all__ = ["UploadLimits", "kept_file", "received", "upload_path"]

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


async def received(request: Request, folder: Path, limits: UploadLimits) -> bytes:
    """Keep the body as a new file; JSON with its name here and its size.

    The page says what the file is called in `?name=`; only its suffixes are kept. Raises Refusal: 413 for one too large,
    408 for one too slow, 507 for a full disk.
    """
    suffix = SUFFIX.search(request.query_params.get("name", "")[-100:])
    name = secrets.token_urlsafe(12) + (suffix[0].lower() if suffix else "")
    room = min(limits.bytes, limits.all_bytes - held(folder))
    if int_of(request.headers.get("content-length", "0")) > room:
        raise Refusal(413, f"expected at most {max(0, room):,} bytes")
    path = folder / name
    try:
        async with asyncio.timeout(limits.seconds):
            size = await written(request, path, room)
    except TimeoutError:
        path.unlink(missing_ok=True)
        raise Refusal(408, f"the file did not come within {limits.seconds:g} s") from None
    except OSError as error:
        path.unlink(missing_ok=True)
        raise Refusal(507, f"the file cannot be kept: {error.strerror or error}") from None
    except BaseException:
        path.unlink(missing_ok=True)
        raise
    return json.dumps({"name": name, "bytes": size}).encode()


async def written(request: Request, path: Path, most: int) -> int:
    size = 0
    handle = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(handle, "wb") as file:
        async for chunk in request.stream():
            size += len(chunk)
            if size > most:
                raise Refusal(413, f"expected at most {most:,} bytes")
            await asyncio.to_thread(file.write, chunk)
    return size


def held(folder: Path) -> int:
    return sum(entry.stat(follow_symlinks=False).st_size for entry in os.scandir(folder))


def int_of(text: str) -> int:
    if not (text.isascii() and text.isdigit()) or len(text) > 18:
        raise Refusal(400, "Content-Length: expected a number of bytes")
    return int(text)


def upload_path(lab: Lab, name: str) -> Path | None:
    """Where an upload lies; None for a name that is none of ours."""
    path = lab.uploads / name
    return path if NAME.fullmatch(name) and path.is_file() and not path.is_symlink() else None


def kept_file(lab: Lab, place: str) -> Response:
    """`downloads/NAME`, which a room put among the uploads, or `runs/RUN/report.html`."""
    parts = place.split("/")
    if len(parts) == 2 and parts[0] == "downloads" and (path := upload_path(lab, parts[1])):
        media = DOWNLOADS.get(path.suffix)
        if media:
            said = f"attachment; filename*=UTF-8''{quote(parts[1])}"
            return Response(path.read_bytes(), media_type=media, headers={"content-disposition": said})
    if len(parts) == 3 and parts[0] == "runs" and parts[2] in REPORTS:
        page = run_page(lab.runs, parts[1], parts[2])
        if page is not None:
            return Response(page, media_type="text/html", headers={"content-security-policy": REPORT_POLICY})
    raise HTTPException(404)


def run_page(runs: Path, run: str, page: str) -> bytes | None:
    """A page of a run that lies in the folder of runs itself, and not through a link."""
    folder = runs / run
    if run in ("", ".", "..") or "\\" in run or "\0" in run or folder.is_symlink() or not (folder / page).is_file():
        return None
    if (folder / page).is_symlink():
        return None
    return (folder / page).read_bytes()
