"""How are heartbeats set up, and what do pings and their absence do? The only file that writes the room's tables (with the intake's pings)."""

from __future__ import annotations

import json
from collections.abc import Iterable
from datetime import datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

from django.conf import settings
from django.db import connection, transaction

from tocsin.accounts.actor import Actor
from tocsin.accounts.audit import audit
from tocsin.alerts import operations as alerts
from tocsin.alerts.models import Integration
from tocsin.domain import heartbeats as rules
from tocsin.domain.heartbeats import Pulse
from tocsin.heartbeats import queries
from tocsin.heartbeats.models import Adoption, Heartbeat, Ping
from tocsin.lib import cron, due
from tocsin.lib.refusal import Refused, invalid

LOOP_NAME = "heartbeats"
BATCH = 500  # pings, and missing ones, taken in one go
SHORTEST_PERIOD = timedelta(seconds=10)
LONGEST_PERIOD = timedelta(days=366)
LONGEST_GRACE = timedelta(days=31)
MOST_HEARTBEATS = 2_000  # of one integration
DEFAULT_PERIOD, DEFAULT_GRACE = timedelta(hours=1), timedelta(minutes=5)
UNITS = {"minutes": timedelta(minutes=1), "hours": timedelta(hours=1), "days": timedelta(days=1)}
SEVERITIES = ("", "critical", "error", "warning", "info")


# -- setting up -----------------------------------------------------------------------------------------------------------


def create(*, integration: int | None, name: str, by: Actor, now: datetime, **fields: Any) -> Heartbeat:
    """A heartbeat that waits for its first ping. Fields: description, period, grace (timedelta), unit, cron, time_zone, business_hours, severity,
    message, tags, watchdog, enabled."""  # fmt: skip
    owner = Integration.objects.select_related("service__team").filter(pk=integration or 0, removed_at=None).first()
    if owner is None:
        raise invalid(integration="There is no such integration.")
    if queries.heartbeats(integration=owner.pk).count() >= MOST_HEARTBEATS:
        raise Refused(f"An integration has at most {MOST_HEARTBEATS:,} heartbeats.", status=409, code="too_many")
    row = Heartbeat(integration=owner, period=DEFAULT_PERIOD, grace=DEFAULT_GRACE, changed_at=now)
    return change(row, name=name, by=by, now=now, **fields)


@transaction.atomic
def change(row: Heartbeat, *, by: Actor, now: datetime, **fields: Any) -> Heartbeat:
    """Set these fields. `enabled` pauses and resumes. Raises Refused naming each field that cannot be."""
    enabled = fields.pop("enabled", None)
    if row.pk:
        locked = Heartbeat.objects.select_for_update(of=("self",)).select_related("integration__service__team").get(pk=row.pk)
        row.__dict__.update(locked.__dict__)
    _check(row, fields)
    renamed = row.pk and "name" in fields and fields["name"].lower() != row.name.lower() and row.state in ("late", "failed")
    if renamed:  # its open alert goes by the old name
        _tell(row, "recovered", now)
    for field, value in fields.items():
        setattr(row, field, value)
    pulse = rules.adjust(queries.pulse(row), queries.rhythm(row, now))
    if enabled is False and row.state != Heartbeat.State.PAUSED:
        if row.state in ("late", "failed") and not renamed:
            _tell(row, "paused", now)
        pulse = rules.pause(pulse)
    elif enabled and row.state == Heartbeat.State.PAUSED:
        pulse = rules.resume(pulse)
    _set(row, pulse, now)
    row.save()
    audit("save", "heartbeat", row.pk, f"Heartbeat {row.name} saved", by=by, now=now)
    due.wake(LOOP_NAME)
    return row


def _check(row: Heartbeat, fields: dict[str, Any]) -> None:
    errors: dict[str, str] = {}
    if "name" in fields:
        fields["name"] = name = " ".join(str(fields["name"]).split())
        if not 0 < len(name) <= 100 or "/" in name or not name.isprintable():
            errors["name"] = "A heartbeat needs a name of at most 100 characters, without a slash."
        elif queries.heartbeats(integration=row.integration_id).filter(name__iexact=name).exclude(pk=row.pk).exists():
            errors["name"] = "This integration has a heartbeat of this name already."
    if not SHORTEST_PERIOD <= fields.get("period", row.period) <= LONGEST_PERIOD:
        errors["period"] = "A period lasts from 10 seconds to 366 days."
    if not timedelta() <= fields.get("grace", row.grace) <= LONGEST_GRACE:
        errors["grace"] = "A grace lasts from nothing to 31 days."
    if fields.get("cron") and (wrong := cron.complaint(fields["cron"])):
        errors["cron"] = wrong
    if fields.get("cron", row.cron) and fields.get("business_hours", row.business_hours):
        errors["business_hours"] = "Either a cron expression or business hours: cron says the hours itself."
    if fields.get("time_zone") and not _is_zone(fields["time_zone"]):
        errors["time_zone"] = "It is the name of a time zone, such as Europe/Berlin."
    if fields.get("severity", "") not in SEVERITIES:
        errors["severity"] = "It is critical, error, warning or info."
    if fields.get("unit", "minutes") not in UNITS:
        errors["unit"] = "It is minutes, hours or days."
    for field, limit in (("description", 2000), ("message", 500), ("watchdog", 200)):
        if len(fields.get(field) or "") > limit:
            errors[field] = f"At most {limit:,} characters."
    if len(fields.get("tags") or []) > 20 or any(not 0 < len(tag) <= 100 for tag in fields.get("tags") or []):
        errors["tags"] = "At most 20 tags of at most 100 characters."
    if errors:
        raise invalid(**errors)


def _is_zone(name: str) -> bool:
    try:
        return bool(ZoneInfo(name))
    except (KeyError, ValueError, OSError):
        return False


@transaction.atomic
def remove(row: Heartbeat, *, by: Actor, now: datetime) -> None:
    """Take it out of use; an alert that it opened is over."""
    row = Heartbeat.objects.select_for_update(of=("self",)).select_related("integration").get(pk=row.pk)
    if row.state in ("late", "failed"):
        _tell(row, "removed", now)
    row.removed_at, row.missing_at = now, None
    row.save(update_fields=["removed_at", "missing_at"])
    audit("remove", "heartbeat", row.pk, f"Heartbeat {row.name} removed", by=by, now=now)


@transaction.atomic
def adopt(integration: Integration, wanted: bool, *, by: Actor, now: datetime) -> None:
    """From now on unknown names that are pinged become heartbeats of that integration, or not."""
    if wanted:
        Adoption.objects.get_or_create(integration=integration)
    else:
        Adoption.objects.filter(integration=integration).delete()
    said = "become heartbeats" if wanted else "are no longer made heartbeats"
    audit("save", "integration", integration.pk, f"Unknown names pinged at {integration.name} {said}", by=by, now=now)


# -- pings ----------------------------------------------------------------------------------------------------------------


def ping(row: Heartbeat, *, at: datetime, kind: str = "ping", agent: str = "") -> None:
    """A sign of life that came by another way than the intake's addresses; it counts in the caller's transaction."""
    Ping.objects.create(integration_id=row.integration_id, heartbeat=row, kind=kind, at=at, agent=agent[:200])
    due.wake(LOOP_NAME)


def take_pings(now: datetime) -> int:
    """Let the waiting pings count, in the order of acceptance; how many. Call it in a transaction that has claimed the room."""
    waiting = list(Ping.objects.filter(taken=False).select_related("integration").defer("body").order_by("id")[:BATCH])
    if not waiting:
        return 0
    for one in waiting:
        if one.heartbeat_id is None:
            one.heartbeat_id = _made(one, now)
    ids = {one.heartbeat_id for one in waiting if one.heartbeat_id}
    locked = Heartbeat.objects.filter(pk__in=ids).select_for_update(of=("self",)).select_related("integration__service__team")
    rows = {row.pk: row for row in locked.order_by("pk")}
    for one in waiting:
        if row := rows.get(one.heartbeat_id or 0):
            _take(row, one, now)
        one.taken = True
    Heartbeat.objects.bulk_update(rows.values(), ["state", "last_ping_at", "started_at", "expected_at", "missing_at", "changed_at"])
    Ping.objects.bulk_update(waiting, ["heartbeat", "took", "taken"])
    _forget(ids)
    return len(waiting)


def _take(row: Heartbeat, one: Ping, now: datetime) -> None:
    if one.kind in ("ping", "fail") and (began := _began(row, one)):
        one.took = max(one.at - began, timedelta())
    if row.removed_at:
        return
    pulse, news = rules.take(queries.pulse(row), rules.Ping(one.kind, one.at, one.exit_code), queries.rhythm(row, now))  # type: ignore[arg-type]
    _set(row, pulse, one.at)
    if news:
        _tell(row, news, now, one)


def _began(row: Heartbeat, one: Ping) -> datetime | None:
    if not one.run:
        return row.started_at
    start = row.pings.filter(run=one.run, kind=Ping.Kind.START, id__lt=one.pk).order_by("-id").first()
    return start.at if start else None


def _made(one: Ping, now: datetime) -> int | None:
    """The heartbeat that an unknown name becomes; the first ping of that name has made it by now."""
    if found := queries.named(one.integration, one.name):
        return found.pk
    wanted = {field: timedelta(seconds=one.wanted[field]) for field in ("period", "grace") if field in one.wanted}
    try:
        return create(integration=one.integration_id, name=one.name, by=Actor(None, one.integration.name, "source"), now=now, **wanted).pk
    except Refused:
        return None


def _forget(ids: Iterable[int]) -> None:
    with connection.cursor() as cursor:
        cursor.execute(
            "DELETE FROM heartbeats_ping p USING (SELECT id, row_number() OVER (PARTITION BY heartbeat_id ORDER BY id DESC) AS place"
            " FROM heartbeats_ping WHERE heartbeat_id = ANY(%s)) r WHERE p.id = r.id AND r.place > %s AND p.taken",
            [list(ids), queries.SHOWN],
        )
        cursor.execute("DELETE FROM heartbeats_ping WHERE heartbeat_id IS NULL AND taken")


def judge_missing(now: datetime) -> int:
    """Open an alert for each heartbeat whose ping did not come; how many were looked at. Call it in a transaction that has claimed the room."""
    if not queries.may_judge():
        return 0
    away_until = queries.away_until()
    rows = queries.missing(now, BATCH)
    for row in rows:
        _set(row, rules.miss(queries.pulse(row), queries.rhythm(row, now), now, away_until=away_until), now)
        if row.state == Heartbeat.State.LATE:
            _tell(row, "late", now)
    Heartbeat.objects.bulk_update(rows, ["state", "started_at", "expected_at", "missing_at", "changed_at"])
    return len(rows)


def _set(row: Heartbeat, pulse: Pulse, at: datetime) -> None:
    if row.state != pulse.state:
        row.changed_at = at
    row.state, row.last_ping_at, row.started_at = pulse.state, pulse.last_ping_at, pulse.started_at
    row.expected_at, row.missing_at = pulse.expected_at, pulse.missing_at


def _tell(row: Heartbeat, news: str, now: datetime, one: Ping | None = None) -> None:
    """An event like any other: accepted as a raw event, folded, routed, on the record."""
    body = {
        "heartbeat": row.name, "news": news, "message": row.message, "severity": row.severity or row.integration.default_severity,
        "tags": row.tags, "description": row.description, "link": f"{settings.TOCSIN_URL}/heartbeats/{row.pk}/",
        "last_ping_at": row.last_ping_at.isoformat() if row.last_ping_at else None,
        "exit_code": one.exit_code if one else None, "said": _said(one),
    }  # fmt: skip
    alerts.accept(row.integration, body=json.dumps(body).encode(), protocol="heartbeat", now=now)


def _said(one: Ping | None) -> str:
    if one is None or one.pk is None:
        return ""
    return bytes(Ping.objects.values_list("body", flat=True).get(pk=one.pk))[:2000].decode("utf-8", "replace")
