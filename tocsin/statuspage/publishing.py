"""How does the public page get onto the disk? As a new folder of plain files that takes the place of the old one in a single step."""

from __future__ import annotations

import json
import os
import shutil
from datetime import datetime
from pathlib import Path

from django.conf import settings
from django.db import connection, transaction

from tocsin import clock
from tocsin.statuspage import content, feeds, html, operations
from tocsin.statuspage.models import StatusPage

LOCK = 7_468_201  # the advisory lock that lets one publication run at a time; held until its transaction ends
KEPT = 3  # folders: a reader who has opened a file of an earlier one can finish
LINK = "status"
VERSIONS = "status.published"


def folder(data_dir: Path | None = None) -> Path:
    """Where the files of the page lie."""
    return Path(data_dir or settings.DATA_DIR) / LINK


def publish_now(data_dir: Path | None = None) -> Path:
    """Render everything from the database and put it in place; the folder of the files. If anything fails, the page stays as it was."""
    with transaction.atomic():
        with connection.cursor() as cursor:
            cursor.execute("SELECT pg_advisory_xact_lock(%s)", [LOCK])
        operations.default_page()
        now = clock.now()
        files: dict[str, bytes] = {}
        for page in StatusPage.objects.order_by("id"):
            prefix = f"{page.slug}/" if page.slug else ""
            files |= {prefix + path: body for path, body in render(page, now).items()}
            operations.mark_published(page, now)
        return put(files, Path(data_dir or settings.DATA_DIR))


def render(page: StatusPage, now: datetime) -> dict[str, bytes]:
    """Every file of one page, by its path."""
    shown = content.read(page, now)
    files = {path: (json.dumps(value, ensure_ascii=False, indent=1) + "\n").encode() for path, value in content.documents(shown).items()}
    return files | html.files(shown) | feeds.files(shown)


def put(files: dict[str, bytes], data_dir: Path) -> Path:
    """Write the files into a new folder, then let the link point at it. Files that did not change are shared with the old folder."""
    link, versions = data_dir / LINK, data_dir / VERSIONS
    versions.mkdir(parents=True, exist_ok=True)
    old = Path(os.path.realpath(link)) if link.exists() else None
    number = max((int(path.name) for path in versions.iterdir() if path.name.isdigit()), default=0) + 1
    new = versions / str(number)
    try:
        for path, body in files.items():
            _write(new / path, body, old / path if old else None)
        temporary = data_dir / f".{LINK}.{number}"
        temporary.unlink(missing_ok=True)
        temporary.symlink_to(os.path.relpath(new, data_dir))
        if link.is_dir() and not link.is_symlink():  # a folder that somebody copied here by hand: kept beside
            link.rename(data_dir / f"{LINK}.before-{number}")
        temporary.replace(link)
    except BaseException:
        shutil.rmtree(new, ignore_errors=True)
        raise
    for earlier in sorted((p for p in versions.iterdir() if p.name.isdigit()), key=lambda p: int(p.name))[:-KEPT]:
        shutil.rmtree(earlier, ignore_errors=True)
    return link


def _write(path: Path, body: bytes, old: Path | None) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    if old and old.is_file() and old.read_bytes() == body:
        os.link(old, path)
        return
    with path.open("wb") as file:
        file.write(body)
        file.flush()
        os.fsync(file.fileno())
