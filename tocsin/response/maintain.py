"""How is maintenance planned, changed, announced and ended early, and who is told when it may hold back too much?"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Any

from django.db import transaction

from tocsin.accounts.actor import Actor
from tocsin.alerts import operations_quiet as windows
from tocsin.alerts.models import MaintenanceWindow
from tocsin.response import frame
from tocsin.response.silence import tell
from tocsin.statuspage import operations_maintenance as public_maintenance
from tocsin.statuspage.jobs import publish


@dataclass(frozen=True, slots=True)
class Public:
    """What the status page says of maintenance: no hosts, releases or names of staff."""

    title: str
    text: str
    components: tuple[int, ...] = ()


class Stays:
    """What is not given stays as it is."""


STAYS = Stays()


@transaction.atomic
def plan(*, public: Public | None = None, by: Actor, now: datetime, **fields: Any) -> MaintenanceWindow:
    """Plan maintenance (fields: see alerts.operations_quiet.plan_window). One without services is told to administrators and teams concerned.

    `public` is what the status page says of it: title, text, components (ids); None keeps it off the page.
    """
    frame.require_responder(by)
    window = windows.plan_window(**fields, by=by, now=now)
    _tell(window, by, now)
    _show(window, public, by, now)
    return window


@transaction.atomic
def change(
    window: MaintenanceWindow, *, public: Public | Stays | None = STAYS, by: Actor, now: datetime, **fields: Any
) -> MaintenanceWindow:
    """Plan it otherwise; told like a new one where it names no service. `public` None takes it off the status page."""
    frame.require_responder(by)
    changed = windows.change_window(window, by=by, now=now, **fields)
    _tell(changed, by, now)
    _show(changed, public, by, now)
    return changed


@transaction.atomic
def end(window: MaintenanceWindow, *, by: Actor, now: datetime) -> MaintenanceWindow:
    """Cancel what is planned and end what is in force; the status page says so."""
    frame.require_responder(by)
    ended = windows.end_window(window, by=by, now=now)
    _show(ended, STAYS, by, now)
    return ended


@transaction.atomic
def tell_public(window: MaintenanceWindow, *, status: str, text: str, by: Actor, now: datetime) -> None:
    """Publish an update about maintenance that is announced (status: scheduled, in_progress, verifying, completed)."""
    frame.require_responder(by)
    public_maintenance.tell(window, status=status, text=text, by=by, now=now)
    publish.defer()


def _show(window: MaintenanceWindow, public: Public | Stays | None, by: Actor, now: datetime) -> None:
    """Bring the status page to where the window is."""
    if public is None:
        public_maintenance.withdraw(window, by=by, now=now)
    elif not isinstance(public, Stays):
        public_maintenance.announce(window, title=public.title, text=public.text, components=public.components, by=by, now=now)
    public_maintenance.advance(now)
    if window.announcements.exists():
        publish.defer()


def _tell(window: MaintenanceWindow, by: Actor, now: datetime) -> None:
    coming = window.silences.filter(released_at=None, ended_at=None).order_by("-id").first()
    if not window.services and window.team_id is None and coming:
        reason = f"{window.title}: {window.reason}"
        what, address = f"maintenance window {window.pk}", f"/maintenance/{window.pk}/"
        tell(what, address, window.matchers, coming.ends_at, reason, by=by, now=now)
