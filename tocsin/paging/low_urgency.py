"""Which pages can wait, and until when? An escalation policy says for which severities; the responder's own hours say when.

What cannot wait is never held, whatever somebody's quiet hours are.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from zoneinfo import ZoneInfo

from django.db.models import Min

from tocsin.accounts.models import Organisation, User
from tocsin.domain.calendars import BusinessCalendar
from tocsin.domain.escalation_policy import POSTS, Target
from tocsin.domain.waiting import QuietHours, not_before
from tocsin.lib import due, holidays
from tocsin.oncall.models_people import TimeOff
from tocsin.paging import people
from tocsin.paging.models import Escalation, EscalationPolicy, Notification, Quiet

RECORD = "record"  # nobody is paged, it is only on the record


def urgency_of(policy: EscalationPolicy | None, subject: Mapping[str, Any]) -> str:
    """high, unless the policy says that this severity can wait."""
    return "low" if policy and str(subject.get("severity") or "") in policy.low_severities else "high"


def urgency_now(escalation: Escalation) -> str:
    """The urgency of what follows from an escalation: high once it was, or once its subject cannot wait any more."""
    return escalation.urgency if escalation.urgency == "high" else urgency_of(escalation.policy, escalation.subject)


def record_only(policy: EscalationPolicy | None, urgency: str) -> bool:
    """Whether nobody is paged at all."""
    return urgency == "low" and policy is not None and policy.low_urgency == RECORD


@dataclass(frozen=True)
class Low:
    """What a policy does with a severity that can wait."""

    policy: str
    severity: str
    record_only: bool

    @classmethod
    def of(cls, policy: EscalationPolicy | None, severity: str) -> Low | None:
        """None where that severity cannot wait, or no policy says so."""
        if policy is None or urgency_of(policy, {"severity": severity}) != "low":
            return None
        return cls(policy.name, severity, record_only(policy, "low"))


def opens_at(user: User, now: datetime) -> datetime:
    """From when on a page that can wait may reach that person: the organisation's working hours in the person's own zone and with their own
    public holidays, outside their quiet hours."""
    wished = Quiet.objects.filter(user=user).first()
    return _opens_at(user, now, Organisation.objects.get(pk=1), wished)


def _opens_at(user: User, now: datetime, organisation: Organisation, wished: Quiet | None) -> datetime:
    country, subdivision = (user.country, user.subdivision) if user.country else (organisation.country, organisation.subdivision)
    year = now.astimezone(ZoneInfo(user.time_zone)).year
    calendar = BusinessCalendar(
        user.time_zone, organisation.day_starts, organisation.day_ends, holidays.dates(country, subdivision, year=year)
    )
    return not_before(now, calendar, QuietHours(wished.starts, wished.ends, user.time_zone) if wished else None)


def held(targets: Collection[Target], subject: dict[str, Any], now: datetime) -> tuple[datetime, User] | None:
    """Until when a step that can wait is held, and for whose working hours, because who is on call in its schedules may be somebody else then.

    None: it names no schedule, or a room, which is told at once; these are working hours, or nobody could be reached then."""
    kinds = {target.kind for target in targets}
    if "schedule" not in kinds or kinds & {*POSTS}:
        return None
    opens, user = min(_reached(targets, subject, now), key=lambda pair: pair[0], default=(now, None))
    return (opens, user) if user and opens > now and _reached(targets, subject, opens) else None


def _reached(targets: Collection[Target], subject: dict[str, Any], at: datetime) -> list[tuple[datetime, User]]:
    """Whom a step that begins then reaches, and from when on: without those who have no usable method, or are away when it would go out."""
    users = [one.user for one in people.find(targets, subject, at, "low")[0]]
    usable = people.reachable([user.pk for user in users])
    organisation, quiet = Organisation.objects.get(pk=1), {row.user_id: row for row in Quiet.objects.filter(user__in=usable)}
    opens = {user.pk: _opens_at(user, at, organisation, quiet.get(user.pk)) for user in users if user.pk in usable}
    off = _off(opens)
    return [(opens[user.pk], user) for user in users if user.pk in opens and user.pk not in off]


def _off(opens: Mapping[int, datetime]) -> dict[int, TimeOff]:
    """The time off of those of these people (ids) who are away at their instant."""
    rows = TimeOff.objects.filter(user__in=opens, removed_at=None, ends_at__gt=min(opens.values())) if opens else ()
    return {row.user_id: row for row in rows if row.starts_at <= opens[row.user_id] < row.ends_at}


def away(user: User, urgency: str, now: datetime) -> str:
    """Why a page that can wait passes that person over: they have time off when it would go out. Empty where it does not. What cannot wait
    reaches them."""
    off = _off({user.pk: opens_at(user, now)}).get(user.pk) if urgency == "low" else None
    return f"{user} is away until {off.ends_at.astimezone(ZoneInfo(user.time_zone)):%d %B %Y}, and this can wait" if off else ""


def waited(escalation: Escalation, now: datetime) -> bool:
    """Whether the step that is due was held, and has waited long enough: it goes out as it is. It is not held again, and its conditions were
    met when it began."""
    return escalation.held_until is not None and escalation.held_until <= now


def next_step_at(escalation: Escalation, step_due: datetime, now: datetime) -> datetime:
    """When the next step starts: what could not go out yet is waited for as long as what goes out at once."""
    pages = Notification.objects.filter(escalation=escalation, created_at=now, state=Notification.State.PENDING)
    first = pages.aggregate(first=Min("due_at"))["first"]
    return step_due + (first - now) if first and first > now else step_due


def raise_urgency(escalation: Escalation, now: datetime) -> bool:
    """What a locked escalation is about has become worse and cannot wait any more: what was held goes out. Whether that is so."""
    if escalation.urgency == "high" or urgency_now(escalation) == "low":
        return False
    held = escalation.notifications.filter(state=Notification.State.PENDING, attempt=0)
    first = held.aggregate(first=Min("due_at"))["first"]
    if first and first > now:
        for page in held.select_for_update():
            page.due_at = now + (page.due_at - first) if page.due_at else now
            page.save(update_fields=["due_at"])
        if escalation.due_at:
            escalation.due_at -= first - now
        due.wake("notifications")
    if escalation.held_until:
        escalation.due_at, escalation.held_until = now, None
    escalation.urgency = "high"
    escalation.save(update_fields=["urgency", "due_at", "held_until"])
    return True
