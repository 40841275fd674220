"""What does a set-up file say beside what is exported: people's ways, and who stands in? Added where missing, never taken away."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from tocsin.cli.session import Failed

EXTRAS = {"users": "contact_methods", "schedules": "overrides"}
MOST = 5_000


def add_ways(email: str, ways: Any, *, by: Any, now: datetime) -> list[str]:
    """Contact methods ({"kind", "address", "label", "verified"}) that a person does not have yet, with their notification rules ("rules":
    [{"urgency", "after_seconds"}]); a line for each that was added, or refused."""
    from tocsin.accounts.models import User
    from tocsin.lib.refusal import Refused
    from tocsin.paging import operations as paging

    user, done = User.objects.get(email__iexact=email), []
    for way in _list(ways, f"contact_methods of {email}"):
        try:
            fields = {name: str(way.get(name) or "") for name in ("kind", "address", "label")}
            paging.add_method(user, **fields, verified=way.get("verified") is True, by=by, now=now)  # type: ignore[arg-type]
        except Refused as refused:
            if not ("address" in refused.errors and "already" in refused.errors["address"]):
                reason = " ".join(refused.errors.values()) or refused.detail
                done.append(f"leave out {way.get('kind')} {way.get('address')} of {email}: {reason}")
                continue
        else:
            done.append(f"add contact method: {email} by {way.get('kind')}")
        done += _add_rules(user, way, by=by, now=now)
    return done


def _add_rules(user: Any, way: dict[str, Any], *, by: Any, now: datetime) -> list[str]:
    from tocsin.lib.refusal import Refused
    from tocsin.paging import operations as paging
    from tocsin.paging.models import ContactMethod, NotificationRule

    done = []
    for rule in _list(way.get("rules") or [], f"rules of {way.get('kind')} of {user.email}"):
        method = ContactMethod.objects.filter(
            user=user, kind=way.get("kind"), address__iexact=str(way.get("address")), removed_at=None
        ).first()
        urgency, after = str(rule.get("urgency") or "high"), rule.get("after_seconds", 0)
        if method is None or NotificationRule.objects.filter(contact_method=method, urgency=urgency, after_seconds=after).exists():
            continue
        try:
            paging.add_rule(user, contact_method=method.pk, urgency=urgency, after_seconds=after, by=by, now=now)
        except Refused as refused:
            raise Failed(f"a rule of {way.get('kind')} of {user.email}: {refused}") from refused
        done.append(f"add notification rule: {user.email} by {way.get('kind')} after {after} s ({urgency} urgency)")
    return done


def add_overrides(schedule: str, overrides: Any, *, by: Any, now: datetime) -> list[str]:
    """Overrides ({"person": e-mail, "starts_at", "ends_at"}) that are not there yet and not over; a line for each that was added."""
    from tocsin.cli.people import found
    from tocsin.oncall import operations as oncall
    from tocsin.oncall.models import Override, Schedule

    row, done = Schedule.objects.get(name__iexact=schedule, removed_at=None), []
    for one in _list(overrides, f"overrides of {schedule}"):
        person = found(str(one.get("person") or ""))
        try:
            starts, ends = datetime.fromisoformat(str(one.get("starts_at"))), datetime.fromisoformat(str(one.get("ends_at")))
        except ValueError as error:
            raise Failed(f"an override of {schedule} needs starts_at and ends_at, for example 2026-11-23T20:00:00Z") from error
        if ends <= now or Override.objects.filter(schedule=row, user=person, starts_at=starts, ends_at=ends, removed_at=None).exists():
            continue
        oncall.add_override(row, user=person.pk, starts_at=starts, ends_at=ends, by=by, now=now)
        done.append(f"add override: {person.email} in {schedule} from {starts:%Y-%m-%d %H:%M}")
    return done


def _list(value: Any, what: str) -> list[dict[str, Any]]:
    if not isinstance(value, list) or len(value) > MOST or not all(isinstance(one, dict) for one in value):
        raise Failed(f"{what} must be a list of at most {MOST:,}")
    return value
