"""How are maintenance windows planned, how do they go on to their next occurrence, and how is feedback kept?"""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from django.db import transaction

from tocsin.accounts.actor import Actor
from tocsin.accounts.audit import audit
from tocsin.accounts.models import Team
from tocsin.alerts import operations_silences as silences
from tocsin.alerts.models import Alert, Feedback, MaintenanceWindow, Service, Silence
from tocsin.domain import quiet
from tocsin.lib import recurrence
from tocsin.lib.refusal import Refused, invalid

LONGEST_MINUTES = 7 * 24 * 60
MOST_SERVICES = 100


@transaction.atomic
def plan_window(
    *, title: str, reason: str, starts: str, minutes: int, time_zone: str = "UTC", rule: str = "", services: list[int] | None = None,
    team: int | None = None, matchers: list[dict[str, Any]] | None = None, by: Actor, now: datetime,
) -> MaintenanceWindow:  # fmt: skip
    """Plan maintenance. `starts` is a wall clock, 2026-11-28T02:00. Raises Refused naming each field that cannot be."""
    fields = _checked(
        {"title": title, "reason": reason, "starts": starts, "minutes": minutes, "time_zone": time_zone, "rule": rule, "services": services or [],
         "team": team, "matchers": matchers or []}, by, now,
    )  # fmt: skip
    window = MaintenanceWindow.objects.create(**fields, created_by=by.user, created_at=now)
    go_on(window, now)
    audit("save", "maintenance_window", window.pk, f"Maintenance window {window.title} planned", by=by, now=now)
    return window


@transaction.atomic
def change_window(window: MaintenanceWindow, *, by: Actor, now: datetime, **fields: Any) -> MaintenanceWindow:
    """Plan it otherwise, with the fields of plan_window; those left out stay. What it no longer holds back is looked at again."""
    row = MaintenanceWindow.objects.select_for_update(of=("self",)).get(pk=window.pk)
    if row.ended_at:
        raise Refused("This maintenance is over; plan another.", status=409, code="over")
    stored = {name: getattr(row, name) for name in ("title", "reason", "starts", "minutes", "time_zone", "rule", "services", "matchers")}
    for name, value in _checked({**stored, "team": row.team_id, **fields}, by, now).items():
        setattr(row, name, value)
    row.save()
    for silence in row.silences.filter(released_at=None, ended_at=None):
        if silence.starts_at > now:
            silence.delete()
        else:
            silences.end_silence(silence, by=by, now=now)
    go_on(row, now)
    audit("save", "maintenance_window", row.pk, f"Maintenance window {row.title} changed", by=by, now=now)
    return row


def _checked(given: dict[str, Any], by: Actor, now: datetime) -> dict[str, Any]:
    """The fields of a window as they are stored. Raises Refused naming each that cannot be."""
    services, team, kept, errors = list(dict.fromkeys(given["services"])), given["team"], given["matchers"], {}
    title, reason, starts, minutes = given["title"].strip(), given["reason"].strip(), given["starts"], given["minutes"]
    rule, zone = given["rule"].upper(), given["time_zone"]
    if not 0 < len(title) <= 200:
        errors["title"] = "Say what is done, in at most 200 characters."
    if not 0 < len(reason) <= 1000:
        errors["reason"] = "Say why, in at most 1,000 characters."
    if not 1 <= minutes <= LONGEST_MINUTES:
        errors["minutes"] = "It lasts from 1 minute to 7 days."
    elif wrong := quiet.too_broad(
        timedelta(minutes=minutes), scoped=bool(services or team), administrator=by.is_administrator, recurs=bool(rule)
    ):
        errors["minutes" if minutes * 60 > quiet.LONGEST_BROAD.total_seconds() else "rule"] = wrong
    if wrong := recurrence.complaint(rule):
        errors["rule"] = f"{wrong}."
    start = _wall_clock(starts)
    if start is None:
        errors["starts"] = "It is a date and time such as 2026-11-28T02:00."
    try:
        ZoneInfo(zone)
    except (ZoneInfoNotFoundError, ValueError, OSError):
        errors["time_zone"] = "It is the name of a zone, such as Europe/Berlin."
    if not services and team is None and not kept:
        errors["services"] = "Name services, a team or matchers, else it would hold back everything."
    if len(services) > MOST_SERVICES or Service.objects.filter(pk__in=services, removed_at=None).count() != len(services):
        errors["services"] = f"There is no such service, or there are more than {MOST_SERVICES}."
    if team is not None and not Team.objects.filter(pk=team, removed_at=None).exists():
        errors["team"] = "There is no such team."
    elif team is not None and not services and not Service.objects.filter(team_id=team, removed_at=None).exists():
        errors["team"] = "This team owns no service, so nothing would be held back: name services, or give the team one first."
    errors |= silences.wrong_matchers(kept)
    if not errors and start and recurrence.following(start, rule, zone, minutes, now) is None:
        errors["starts"] = "All of it is in the past."
    if errors:
        raise invalid(**errors)
    return {
        "title": title, "reason": reason, "starts": starts, "minutes": minutes, "time_zone": zone, "rule": rule, "services": services,
        "team_id": team, "matchers": silences.plain_matchers(kept),
    }  # fmt: skip


def _wall_clock(text: str) -> datetime | None:
    try:
        return datetime.strptime(text, "%Y-%m-%dT%H:%M")  # noqa: DTZ007 - a wall clock; the zone stands beside it
    except ValueError:
        return None


def go_on(window: MaintenanceWindow, after: datetime) -> bool:
    """Make the silences of the first occurrence that ends after that moment; False, and the window is over, where there is none."""
    start = _wall_clock(window.starts)
    found = recurrence.following(start, window.rule, window.time_zone, window.minutes, after) if start else None
    if found is None or window.ended_at:
        if window.ended_at is None:
            MaintenanceWindow.objects.filter(pk=window.pk).update(ended_at=after)
        return False
    common = {
        "matchers": window.matchers,
        "starts_at": found[0],
        "ends_at": found[1],
        "created_by_id": window.created_by_id,
        "window": window,
    }
    reason = f"{window.title}: {window.reason}"[:1000]
    scopes: list[int | None] = list(window.services)
    if window.team_id or not scopes:  # one for the services that the team has while it lasts, or for whatever the matchers match
        scopes.append(None)
    Silence.objects.bulk_create([Silence(service_id=scope, reason=reason, **common) for scope in scopes])
    return True


def roll(over: Iterable[Silence], now: datetime) -> None:
    """These silences are over: windows among them go on to their next occurrence."""
    ids = {silence.window_id for silence in over if silence.window_id}
    for window in MaintenanceWindow.objects.select_for_update(of=("self",)).filter(pk__in=ids, ended_at=None):
        if not window.silences.filter(released_at=None).exists():
            go_on(window, now)


@transaction.atomic
def end_window(window: MaintenanceWindow, *, by: Actor, now: datetime) -> MaintenanceWindow:
    """Cancel what is planned and end what is in force; what it held back and still fires is paged."""
    window = MaintenanceWindow.objects.select_for_update(of=("self",)).get(pk=window.pk)
    if window.ended_at is None:
        window.ended_at = now
        window.save(update_fields=["ended_at"])
        for silence in window.silences.filter(released_at=None, ended_at=None):
            silences.end_silence(silence, by=by, now=now)
        audit("end", "maintenance_window", window.pk, f"Maintenance window {window.title} ended", by=by, now=now)
    return window


def say_useful(alert: Alert, useful: bool, *, by: Actor, now: datetime) -> Feedback:
    """Keep what somebody thinks of an alert: their one answer, which they may change."""
    if by.user is None:
        raise Refused("Only a person can say whether an alert was useful; say for whom: by.", errors={"by": "The id of a person."})
    row, _ = Feedback.objects.update_or_create(alert=alert, user=by.user, defaults={"useful": useful, "at": now})
    return row
