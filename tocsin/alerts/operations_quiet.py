"""How are maintenance windows planned, how do they go on to their next occurrence, and how is feedback kept?"""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime
from typing import Any
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from django.db import transaction

from tocsin.accounts.actor import Actor
from tocsin.accounts.audit import audit
from tocsin.accounts.models import Team
from tocsin.alerts import operations
from tocsin.alerts.models import Alert, Feedback, MaintenanceWindow, Service, Silence
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
    services, kept, errors = list(dict.fromkeys(services or [])), matchers or [], {}
    if not 0 < len(title.strip()) <= 200:
        errors["title"] = "Say what is done, in at most 200 characters."
    if not 0 < len(reason.strip()) <= 1000:
        errors["reason"] = "Say why, in at most 1,000 characters."
    if not 1 <= minutes <= LONGEST_MINUTES:
        errors["minutes"] = "It lasts from 1 minute to 7 days."
    if wrong := recurrence.complaint(rule):
        errors["rule"] = f"{wrong}."
    start = _wall_clock(starts)
    if start is None:
        errors["starts"] = "It is a date and time such as 2026-11-28T02:00."
    try:
        ZoneInfo(time_zone)
    except (ZoneInfoNotFoundError, ValueError, OSError):
        errors["time_zone"] = "It is the name of a zone, such as Europe/Berlin."
    if not services and team is None and not kept:
        errors["services"] = "Name services, a team or matchers, else it would hold back everything."
    if len(services) > MOST_SERVICES or Service.objects.filter(pk__in=services, removed_at=None).count() != len(services):
        errors["services"] = f"There is no such service, or there are more than {MOST_SERVICES}."
    if team is not None and not Team.objects.filter(pk=team, removed_at=None).exists():
        errors["team"] = "There is no such team."
    errors |= operations.wrong_matchers(kept)
    if not errors and start and recurrence.following(start, rule, time_zone, minutes, now) is None:
        errors["starts"] = "All of it is in the past."
    if errors:
        raise invalid(**errors)
    window = MaintenanceWindow.objects.create(
        title=title.strip(), reason=reason.strip(), starts=starts, minutes=minutes, time_zone=time_zone, rule=rule.upper(), services=services,
        team_id=team, matchers=operations.plain_matchers(kept), created_by=by.user, created_at=now,
    )  # fmt: skip
    go_on(window, now)
    audit("save", "maintenance_window", window.pk, f"Maintenance window {window.title} planned", by=by, now=now)
    return window


def _wall_clock(text: str) -> datetime | None:
    try:
        return datetime.strptime(text, "%Y-%m-%dT%H:%M")  # noqa: DTZ007 - a wall clock; the zone stands beside it
    except ValueError:
        return None


def go_on(window: MaintenanceWindow, after: datetime) -> bool:
    """Make the silences of the first occurrence that ends after that moment; False, and the window is over, where there is none."""
    start = _wall_clock(window.starts)
    found = recurrence.following(start, window.rule, window.time_zone, window.minutes, after) if start else None
    scopes: list[int | None] = list(window.services)
    if window.team_id:
        scopes += (
            Service.objects.filter(team_id=window.team_id, removed_at=None).exclude(pk__in=window.services).values_list("pk", flat=True)
        )
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
    wanted = scopes or ([None] if window.matchers else [])
    if not wanted:  # a team without services: an occurrence that holds nothing back, so that the next one comes all the same
        wanted, common["matchers"] = [None], [{"name": "service", "value": "", "is_regex": False, "is_equal": True}, _NOTHING]
    Silence.objects.bulk_create([Silence(service_id=scope, reason=reason, **common) for scope in wanted])
    return True


_NOTHING = {"name": "title", "value": "", "is_regex": False, "is_equal": True}


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
            operations.end_silence(silence, by=by, now=now)
        audit("end", "maintenance_window", window.pk, f"Maintenance window {window.title} ended", by=by, now=now)
    return window


def say_useful(alert: Alert, useful: bool, *, by: Actor, now: datetime) -> Feedback:
    """Keep what somebody thinks of an alert: their one answer, which they may change."""
    if by.user is None:
        raise Refused("Only a person can say whether an alert was useful; say for whom: by.", errors={"by": "The id of a person."})
    row, _ = Feedback.objects.update_or_create(alert=alert, user=by.user, defaults={"useful": useful, "at": now})
    return row
