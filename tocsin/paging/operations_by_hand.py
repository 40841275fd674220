"""How is somebody paged, or told, without an escalation? Writes notifications."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from tocsin.accounts.actor import SYSTEM, Actor
from tocsin.accounts.models import User
from tocsin.domain import delivery
from tocsin.domain import escalation as rules
from tocsin.paging import operations_notifications as notifications
from tocsin.paging import people
from tocsin.paging.models import Notification
from tocsin.timeline.operations import record


def page_person(
    user: User,
    *,
    subject: dict[str, Any],
    reason: str,
    identity: str,
    alert_id: int | None = None,
    incident_id: int | None = None,
    by: Actor = SYSTEM,
    now: datetime,
) -> list[Notification]:
    """Demand one person's attention by their own rules. The same `identity` pages the same person once, however often this is called.
    Somebody without a usable method, or no longer active, is replaced by the fallback people (R6)."""
    if Notification.objects.filter(identity__startswith=f"{identity}:u{user.id}:").exists():
        return []
    about: dict[str, Any] = {"alert_id": alert_id, "incident_id": incident_id}
    rows: list[Notification] = []
    if user.is_active and user.removed_at is None:
        rows = notifications.plan(user, group=f"{identity}:u{user.id}", subject=subject, why=reason, now=now, **about)
    if rows:
        record("paged", f"{user.name} is paged: {reason}", by=by, now=now, data={"users": [user.id]}, **about)
        return rows
    why = "has no usable contact method" if user.is_active else "is no longer active"
    record("nobody_reached", f"{user.name} {why}.", by=SYSTEM, now=now, data={"user": user.id}, **about)
    absent = Notification(
        identity=f"{identity}:u{user.id}:m0", user=user, kind="page", title=delivery.page_title(subject), reason=reason, **about
    )
    return fallback_people(identity, subject, absent, now)


def fallback_people(identity: str, subject: dict[str, Any], row: Notification, now: datetime) -> list[Notification]:
    """The team's fallback person, else the organisation's, paged in place of `row`'s (R6)."""
    for target in (rules.Target("team_fallback"), rules.Target("organisation_fallback")):
        found, missing = people.find([target], subject, now)
        for one in found:
            if Notification.objects.filter(identity__startswith=f"{identity}:fallback:u{one.user.id}:").exists():
                continue  # asked already, in vain
            why = f"{row.reason} ({row.whom} could not be reached) → {one.via} → you"
            rows = notifications.plan(
                one.user, group=f"{identity}:fallback:u{one.user.id}", subject=subject, why=why, now=now, kind="fallback",
                alert_id=row.alert_id, incident_id=row.incident_id,
            )  # fmt: skip
            if rows:
                about: dict[str, Any] = {"alert_id": row.alert_id, "incident_id": row.incident_id}
                record("fallback_paged", f"{one.user.name} ({one.via}) is paged instead of {row.whom}.", by=SYSTEM, now=now, **about)
                return rows
            missing.append(people.NotFound(f"{one.user.name} has no usable contact method"))
        for nobody in missing:
            text = f"The fallback does not reach anybody: {nobody.reason}."
            record("nobody_reached", text, by=SYSTEM, now=now, alert_id=row.alert_id, incident_id=row.incident_id)
    return []


def notice(
    user: User, *, title: str, text: str, identity: str, now: datetime, incident_id: int | None = None, alert_id: int | None = None
) -> Notification | None:
    """Tell a person something that need not wake them, by their quietest method; once per `identity`. None without any method."""
    method = people.quiet_way(user)
    if method is None or not user.is_active:
        return None
    row = Notification(
        identity=f"{identity}:u{user.id}:m{method.id}"[:200], kind="notice", user=user, contact_method=method, method_kind=method.kind,
        title=title[:300], text=text[:4000], due_at=now, created_at=now, incident_id=incident_id, alert_id=alert_id,
        history=[{"at": now.isoformat(), "state": "pending", "reason": "planned"}],
    )  # fmt: skip
    notifications.insert([row])
    return row
