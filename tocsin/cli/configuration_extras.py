"""What does a set-up file say beside what is exported: people's ways, and who stands in? Added where missing, never taken away."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from tocsin.cli.session import Failed

EXTRAS = {"users": "contact_methods", "schedules": "overrides"}
MOST = 5_000


def add_ways(email: str, ways: Any, *, by: Any, now: datetime) -> list[str]:
    """Contact methods ({"kind", "address", "label", "verified"}) that a person does not have yet; a line for each that was added, or refused."""
    from tocsin.accounts.models import User
    from tocsin.lib.refusal import Refused
    from tocsin.paging import operations as paging

    user, done = User.objects.get(email__iexact=email), []
    for way in _list(ways, f"contact_methods of {email}"):
        try:
            fields = {name: str(way.get(name) or "") for name in ("kind", "address", "label")}
            paging.add_method(user, **fields, verified=way.get("verified") is True, by=by, now=now)  # type: ignore[arg-type]
        except Refused as refused:
            if "address" in refused.errors and "already" in refused.errors["address"]:
                continue
            reason = " ".join(refused.errors.values()) or refused.detail
            done.append(f"leave out {way.get('kind')} {way.get('address')} of {email}: {reason}")
        else:
            done.append(f"add contact method: {email} by {way.get('kind')}")
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
