"""How is maintenance planned, changed and ended early, and who is told when it may hold back too much?"""

from __future__ import annotations

from datetime import datetime
from typing import Any

from django.db import transaction

from tocsin.accounts.actor import Actor
from tocsin.alerts import operations_quiet as windows
from tocsin.alerts.models import MaintenanceWindow
from tocsin.response import frame
from tocsin.response.silence import tell


@transaction.atomic
def plan(*, by: Actor, now: datetime, **fields: Any) -> MaintenanceWindow:
    """Plan maintenance (fields: see alerts.operations_quiet.plan_window). One without services is told to administrators and teams concerned."""
    frame.require_responder(by)
    window = windows.plan_window(**fields, by=by, now=now)
    _tell(window, by, now)
    return window


@transaction.atomic
def change(window: MaintenanceWindow, *, by: Actor, now: datetime, **fields: Any) -> MaintenanceWindow:
    """Plan it otherwise; told like a new one where it names no service."""
    frame.require_responder(by)
    changed = windows.change_window(window, by=by, now=now, **fields)
    _tell(changed, by, now)
    return changed


def end(window: MaintenanceWindow, *, by: Actor, now: datetime) -> MaintenanceWindow:
    """Cancel what is planned and end what is in force."""
    frame.require_responder(by)
    return windows.end_window(window, by=by, now=now)


def _tell(window: MaintenanceWindow, by: Actor, now: datetime) -> None:
    coming = window.silences.filter(released_at=None, ended_at=None).order_by("-id").first()
    if not window.services and window.team_id is None and coming:
        reason = f"{window.title}: {window.reason}"
        what, address = f"maintenance window {window.pk}", f"/maintenance/{window.pk}/"
        tell(what, address, window.matchers, coming.ends_at, reason, by=by, now=now)
