"""Whom does a step demand, by which ways, and why? People are looked up fresh each time, and so is what conditions are judged by."""

from __future__ import annotations

from collections.abc import Collection, Iterable
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from tocsin.accounts.models import Organisation, Team, User
from tocsin.domain.calendars import in_business_hours
from tocsin.domain.escalation import Facts, Policy, Target
from tocsin.lib.statements import Read
from tocsin.obligations.queries import calendar_of
from tocsin.oncall import queries as oncall
from tocsin.oncall.models import Schedule
from tocsin.paging.models import ContactMethod, NotificationRule

USER = Read(  # with the ways to reach them, as whoever looks for them to page them needs both
    "SELECT {u}, {m}, r.after_seconds, r.repeats, r.repeat_seconds FROM accounts_user u"
    " LEFT JOIN paging_contactmethod m ON m.user_id = u.id AND m.enabled AND m.removed_at IS NULL AND m.verified_at IS NOT NULL"
    " LEFT JOIN paging_notificationrule r ON r.contact_method_id = m.id AND r.user_id = m.user_id AND r.urgency = %s"
    " WHERE u.id = %s ORDER BY r.after_seconds, r.id, m.id",
    u=User, m=ContactMethod,
)  # fmt: skip


@dataclass(frozen=True)
class Way:
    """One method of a person, and how many seconds after the start of the page it is used; `turn` counts its repetitions."""

    method: ContactMethod
    after_seconds: int = 0
    turn: int = 0


@dataclass(frozen=True)
class Found:
    """A person to page and the last part of the path that led to them ("schedule Payments primary"); with the ways to reach them, where
    these were read with the person."""

    user: User
    via: str
    ways: list[Way] | None = None


@dataclass(frozen=True)
class NotFound:
    """A target that leads to nobody, with the reason in words."""

    reason: str


def find(targets: Iterable[Target], subject: dict[str, Any], now: datetime, urgency: str = "high") -> tuple[list[Found], list[NotFound]]:
    """The people behind targets, each once, and the targets that lead to nobody. `urgency`: of the page that they are looked for."""
    found: dict[int, Found] = {}
    missing: list[NotFound] = []
    for target in targets:
        for answer in _several(target, subject, now, urgency):
            if isinstance(answer, Found):
                found.setdefault(answer.user.id, answer)
            else:
                missing.append(answer)
    return list(found.values()), missing


def facts(policy: Policy, subject: dict[str, Any], at: datetime) -> Facts:
    """What the conditions of a policy's steps are judged by at that instant; business hours are looked up only where a step asks for them."""
    hours = not policy.asks_hours or in_business_hours(calendar_of(_team(subject.get("team_id")), at), at)
    return Facts(str(subject.get("severity") or ""), bool(subject.get("critical")), hours, int(subject.get("tier") or 0))


def _team(id: Any) -> Team | None:
    return Team.objects.filter(pk=int(id or 0), removed_at=None).select_related("fallback_user").first()


def _several(target: Target, subject: dict[str, Any], now: datetime, urgency: str) -> list[Found | NotFound]:
    if target.kind == "team":
        team = _team(target.id)
        members = User.objects.filter(memberships__team=team, is_active=True, removed_at=None).order_by("name", "id") if team else ()
        absent = f"team {team.name} has no members" if team else "the team has been removed"
        return [Found(user, f"team {team.name}") for user in members if team] or [NotFound(absent)]
    if target.kind == "schedule_people":
        schedule = Schedule.objects.filter(pk=target.id, removed_at=None).first()
        if schedule is None:
            return [NotFound("the schedule has been removed")]
        everybody = oncall.people(schedule, now)
        return [Found(user, f"everyone of schedule {schedule.name}") for user in everybody] or [
            NotFound(f"nobody takes turns in schedule {schedule.name}")
        ]
    return [_one(target, subject, now, urgency)]


def _one(target: Target, subject: dict[str, Any], now: datetime, urgency: str) -> Found | NotFound:
    if target.kind == "schedule":
        return _of_schedule(target.id, now, urgency)
    if target.kind == "user":
        return _checked(*_user(target.id, urgency), "named in the policy", "a person who no longer exists")
    if target.kind == "team_fallback":
        team = _team(subject.get("team_id"))
        if not team:
            return NotFound("no team owns it, so there is no team's fallback person")
        return _checked(team.fallback_user, None, f"fallback person of team {team.name}", f"team {team.name} has no fallback person")
    organisation = Organisation.objects.select_related("fallback_user").get(pk=1)
    return _checked(organisation.fallback_user, None, "fallback person of the organisation", "the organisation has no fallback person")


def _of_schedule(id: int, now: datetime, urgency: str) -> Found | NotFound:
    schedule = Schedule.objects.filter(pk=id).first()
    if schedule is None or schedule.removed_at is not None:
        return NotFound(f"schedule {schedule.name if schedule else id} has been removed")
    holder = oncall.who(schedule, now)
    if holder is None:
        return NotFound(f"schedule {schedule.name} has nobody on call")
    via = f"schedule {schedule.name}" + (" (override)" if holder.source == "override" else "")
    return _checked(*_user(holder.user, urgency), via, f"schedule {schedule.name} has nobody on call")


def _user(id: int, urgency: str) -> tuple[User | None, list[Way] | None]:
    rows = USER.all(urgency, id)
    return (rows[0][0], _ways([row[1:] for row in rows if row[1]])) if rows else (None, None)


def _checked(user: User | None, ways: list[Way] | None, via: str, absent: str) -> Found | NotFound:
    if user is None:
        return NotFound(absent)
    if not user.is_active or user.removed_at is not None:
        return NotFound(f"{user.name} ({via}) is no longer active")
    return Found(user, via, ways)


def usable_methods(user: User) -> list[ContactMethod]:
    """The person's methods that may be used: verified, switched on, not removed; oldest first."""
    return list(ContactMethod.objects.filter(user=user, enabled=True, removed_at=None, verified_at__isnull=False).order_by("id"))


def reachable(people: Collection[int]) -> set[int]:
    """Those of these people (ids) whom a usable method leads to."""
    usable = ContactMethod.objects.filter(user__in=people, enabled=True, removed_at=None, verified_at__isnull=False)
    return set(usable.filter(user__is_active=True, user__removed_at=None).values_list("user_id", flat=True))


def ways(user: User, urgency: str = "high") -> list[Way]:
    """How a page reaches that person: by their own rules for that urgency, else by every usable method at once; empty when there is none."""
    return _user(user.pk, urgency)[1] or []


def _ways(usable: list[tuple[Any, ...]]) -> list[Way]:
    chosen: list[Way] = []
    turns: dict[int, int] = {}
    for method, after, repeats, every in usable:
        for again in range((repeats or 0) + 1 if after is not None else 0):
            turns[method.id] = turns.get(method.id, -1) + 1
            chosen.append(Way(method, after + again * every, turns[method.id]))
    return sorted(chosen, key=lambda way: way.after_seconds) or [Way(method) for method, *_ in usable]


def quiet_way(user: User) -> ContactMethod | None:
    """The one method for what need not wake anybody: the first of the low-urgency rules, else e-mail, else the first there is."""
    usable = usable_methods(user)
    ids = {method.id: method for method in usable}
    for rule in NotificationRule.objects.filter(user=user, urgency="low").order_by("after_seconds", "id"):
        if rule.contact_method_id in ids:
            return ids[rule.contact_method_id]
    return next((method for method in usable if method.kind == "email"), usable[0] if usable else None)
