"""How is maintenance announced to the public, and what becomes of the announcement as its window comes, runs and ends?"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

from django.db import transaction

from tocsin.accounts.actor import SYSTEM, Actor
from tocsin.alerts import queries_quiet
from tocsin.alerts.models import MaintenanceWindow
from tocsin.lib.refusal import Refused, invalid
from tocsin.statuspage.models import Maintenance, MaintenanceUpdate
from tocsin.statuspage.operations import default_page, new_code, set_statuses

LONGEST_TEXT = 5_000
MOST_COMPONENTS = 200
BEGUN, OVER, CANCELLED = "The maintenance has begun.", "The maintenance is over.", "The maintenance was cancelled."
OPEN = ("scheduled", "in_progress", "verifying")


@transaction.atomic
def announce(window: MaintenanceWindow, *, title: str, text: str, components: Sequence[int], by: Actor, now: datetime) -> Maintenance:
    """Announce the running or next occurrence of a window in the public's words, or change what is announced.

    Raises Refused naming the field (public_title, public_text, public_components), and with 409 where nothing of the window comes any more.
    """
    title, text, rows = _checked(title, text, components)
    occurrence = _next(window, now)
    if occurrence is None:
        raise Refused("This maintenance is over; plan another.", status=409, code="over")
    notice = _open(window)
    if notice is None:
        return _begin_notice(window, title, text, rows, occurrence, by, now)
    notice.title, notice.components, notice.updated_at = title, rows, now
    if notice.status == "scheduled":
        notice.starts_at, notice.ends_at = occurrence
    notice.save()
    first = notice.updates.order_by("id")[0]
    if first.text != text and notice.status == "scheduled":
        first.text = text
        first.save(update_fields=["text"])
    elif first.text != text:
        _say(notice, notice.status, text, by, now)
    return notice


@transaction.atomic
def withdraw(window: MaintenanceWindow, *, by: Actor, now: datetime) -> None:
    """Take what has not begun off the page; what has begun is said to be over."""
    notice = _open(window)
    if notice and notice.status == "scheduled":
        notice.withdrawn_at = notice.updated_at = now
        notice.save(update_fields=["withdrawn_at", "updated_at"])
    elif notice:
        _finish(notice, OVER, by, now)


@transaction.atomic
def tell(window: MaintenanceWindow, *, status: str, text: str, by: Actor, now: datetime) -> Maintenance:
    """Publish an update about what is announced: scheduled, in_progress, verifying or completed, and a text."""
    notice = _open(window)
    if notice is None:
        raise Refused("Nothing is announced about this maintenance.", status=409, code="not_public")
    if status not in (*OPEN, "completed"):
        raise invalid(status="It is scheduled, in_progress, verifying or completed.")
    if not 0 < len(text.strip()) <= LONGEST_TEXT:
        raise invalid(text=f"Say it in 1 to {LONGEST_TEXT:,} characters.")
    if status == "completed":
        _finish(notice, text.strip(), by, now)
    else:
        _say(notice, status, text.strip(), by, now)
        _set_components(notice, by, now)
    return notice


@transaction.atomic
def advance(now: datetime) -> bool:
    """Bring every open announcement to where its window is at `now`; whether anything changed. Each minute, and after each change."""
    rows = Maintenance.objects.select_for_update(of=("self",)).select_related("window").filter(status__in=OPEN, withdrawn_at=None)
    moved = [_advance(notice, now) for notice in rows.order_by("id")]
    return any(moved)


def _advance(notice: Maintenance, now: datetime) -> bool:
    window, occurrence = notice.window, _next(notice.window, now)
    if window.ended_at and window.ended_at < notice.starts_at:
        _finish(notice, CANCELLED, SYSTEM, now)
        return True
    changed = False
    if occurrence and ((notice.status == "scheduled" and notice.ends_at > now) or occurrence[0] == notice.starts_at):
        changed = (notice.starts_at, notice.ends_at) != occurrence
        notice.starts_at, notice.ends_at = occurrence
        notice.save(update_fields=["starts_at", "ends_at"])
    moved_ahead = notice.status != "scheduled" and occurrence is not None and occurrence[0] > now  # planned otherwise while it ran
    if window.ended_at or notice.ends_at <= now or moved_ahead:
        _finish(notice, OVER, SYSTEM, now)
        if occurrence:
            _begin_notice(window, notice.title, notice.updates.order_by("id")[0].text, notice.components, occurrence, SYSTEM, now)
        return True
    if notice.status == "scheduled" and notice.starts_at <= now:
        _say(notice, "in_progress", BEGUN, SYSTEM, now)
        _set_components(notice, SYSTEM, now)
        return True
    return changed


def _begin_notice(window, title: str, text: str, components: list[int], occurrence, by: Actor, now: datetime) -> Maintenance:
    notice = Maintenance.objects.create(
        page=default_page(), window=window, code=new_code(), title=title, components=components, starts_at=occurrence[0],
        ends_at=occurrence[1], created_at=now, updated_at=now,
    )  # fmt: skip
    _say(notice, "scheduled", text, by, now)
    _advance(notice, now)
    return notice


def _say(notice: Maintenance, status: str, text: str, by: Actor, now: datetime) -> None:
    MaintenanceUpdate.objects.create(maintenance=notice, status=status, text=text, at=now, by=by.user)
    notice.status, notice.updated_at = status, now
    notice.save(update_fields=["status", "updated_at"])


def _finish(notice: Maintenance, text: str, by: Actor, now: datetime) -> None:
    _say(notice, "completed", text, by, now)
    _set_components(notice, by, now)


def _set_components(notice: Maintenance, by: Actor, now: datetime) -> None:
    """While it runs its components are under maintenance, unless something worse is said of them; afterwards they are operational."""
    running = notice.status in ("in_progress", "verifying")
    before, after = ("operational", "under_maintenance") if running else ("under_maintenance", "operational")
    lines = notice.page.components.filter(pk__in=notice.components, removed_at=None, status=before)
    set_statuses({str(line.pk): after for line in lines}, incident=None, by=by, now=now)


def _open(window: MaintenanceWindow) -> Maintenance | None:
    rows = Maintenance.objects.select_for_update(of=("self",)).select_related("page", "window")
    return rows.filter(window=window, status__in=OPEN, withdrawn_at=None).first()


def _next(window: MaintenanceWindow, now: datetime) -> tuple[datetime, datetime] | None:
    """The occurrence that runs or comes next."""
    if window.ended_at:
        return None
    return next((one for one in queries_quiet.occurrences(window) if one[1] > now), None)


def _checked(title: str, text: str, components: Sequence[int]) -> tuple[str, str, list[int]]:
    title, text, rows, errors = " ".join(title.split()), text.strip(), list(dict.fromkeys(components)), {}
    if not 0 < len(title) <= 200:
        errors["public_title"] = "Name it for the public, in at most 200 characters."
    if not 0 < len(text) <= LONGEST_TEXT:
        errors["public_text"] = f"Say what customers will notice, in at most {LONGEST_TEXT:,} characters."
    known = default_page().components.filter(removed_at=None, pk__in=rows[: MOST_COMPONENTS + 1]).count()
    if len(rows) > MOST_COMPONENTS or known != len(rows):
        errors["public_components"] = "There is no such component on the status page."
    if errors:
        raise invalid(**errors)
    return title, text, rows
