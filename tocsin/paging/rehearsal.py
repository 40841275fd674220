"""Who would be paged if this fired now, when, and why? What the editor, `tocsin oncall explain` and the API show: the real rules, carried out on nothing."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

from tocsin.domain import delivery
from tocsin.domain import escalation as rules
from tocsin.domain.escalation_policy import tracks
from tocsin.domain.telling import MOMENT
from tocsin.paging import low_urgency, people, posts


@dataclass(frozen=True)
class Line:
    """One step of a dry run. `at` is when it would start; `who` and `how` in words; `reachable` says whether it reaches anybody.

    `track`: of the policy's own, which run beside one another; its first has no name. `step` counts from 1, None for a fallback;
    `passed_over` says why it would not count then; `need`: so many must acknowledge, 0 all; `waits`: until when what can wait is held, and why;
    `told`: who of its people another track tells at the same moment, so that they hear of it once.
    """

    at: datetime
    step: int | None
    who: str
    how: str
    reachable: bool
    after_seconds: int
    round: int = 0
    need: int = 1
    condition: str = ""
    passed_over: str = ""
    waits: str = ""
    told: str = ""
    track: str = ""
    people: list[dict[str, Any]] = field(default_factory=list)
    places: list[str] = field(default_factory=list)
    unreachable: list[str] = field(default_factory=list)


@dataclass(frozen=True)
class _About:
    """What is assumed: the subject of the pages, the policy's name and its track, and what it does with what can wait."""

    subject: dict[str, Any]
    name: str
    track: str
    low: low_urgency.Low | None

    @property
    def urgency(self) -> str:
        return "low" if self.low else "high"


def dry_run(
    plain: dict[str, Any], *, team: int | None = None, name: str = "", subject: dict[str, Any] | None = None,
    low: low_urgency.Low | None = None, now: datetime,
) -> list[Line]:  # fmt: skip
    """One line a step of each round, the fallbacks last, track by track, as if nobody ever acknowledged. Whoever is on call then is named,
    by what is planned now.

    `subject` is what pages would be about: {"title", "service", "severity", "critical", "tier"}; without a severity or tier every condition
    on it is met. `low`: that severity can wait.
    """
    about = {"title": "this", "team_id": team, **(subject or {})}
    if low and low.record_only:
        how = f"recorded only: policy {low.policy} pages nobody for {low.severity}"
        return [Line(now, 1, "Nobody", how, False, 0, passed_over=how)]
    lines = [line for track, one in tracks(plain).items() for line in _track(one, _About(about, name, track, low), now)]
    return told_once([(f"track {line.track}" if line.track else name or "the policy's own steps", low is None, line) for line in lines])


def told_once(lines: Sequence[tuple[str, bool, Line]]) -> list[Line]:
    """The lines in their order. Whom tracks (by what they are called) page within a moment hears of it once, by the more urgent one, else by
    the one that begins first; the line of the other says so."""
    said: dict[int, list[tuple[datetime, str]]] = {}
    found = {place: line for place, (_, _, line) in enumerate(lines)}
    for place in sorted(found, key=lambda place: (not lines[place][1], found[place].at, place)):
        by, _, line = lines[place]
        words = []
        for user in (person["user"] for person in line.people):
            others = [name for at, name in said.get(user["id"], ()) if name != by and abs(at - line.at) < MOMENT]
            if others:
                words.append(f"{user['name']} is told once, by {others[0]}")
            else:
                said.setdefault(user["id"], []).append((line.at, by))
        found[place] = replace(line, told="; ".join(words))
    return [found[place] for place in range(len(lines))]


def _track(plain: dict[str, Any], about: _About, now: datetime) -> list[Line]:
    policy = rules.Policy.from_plain(plain)
    lines: list[Line] = []

    def reaches(page: rules.Page, at: datetime) -> timedelta | None:
        line, held = _line(policy, page, about, at, now)
        lines.append(line)
        return held if line.reachable else None

    for at, action in rules.rehearse(policy, now, lambda at: people.facts(policy, about.subject, at), reaches):
        if isinstance(action, rules.PassedOver):
            after, condition = int((at - now).total_seconds()), policy.steps[action.step].when.words
            line = Line(at, action.step + 1, "Nobody", f"passed over: {action.why}", False, after, action.round, condition=condition)
            lines.append(replace(line, passed_over=action.why, track=about.track))
    return lines


def _line(policy: rules.Policy, page: rules.Page, about: _About, at: datetime, now: datetime) -> tuple[Line, timedelta]:
    """The line of a step, and for how long what it demands is held back."""
    step, number = policy.all_steps[page.step], None if page.fallback else page.step + 1
    held = low_urgency.held(page.targets, about.subject, at) if about.low else None
    start = held[0] if held else at  # who is on call then is paged
    asked = [target for target in page.targets if target.kind not in rules.POSTS]
    found, absent = people.find(asked, about.subject, start)
    places, gone = posts.find(page.targets)
    away = {one.user.pk: why for one in found if (why := low_urgency.away(one.user, about.urgency, start))}
    persons = [_person(one, about, number, start, at) for one in found if one.user.pk not in away]
    reached = [person for person in persons if person["methods"]]
    missing = [nobody.reason for nobody in [*absent, *gone]] + list(away.values())
    missing += [f"{person['user']['name']} has no usable contact method" for person in persons if not person["methods"]]
    how = [
        (f"{p['user']['name']}: " if len(reached) > 1 else "") + f"{p['via']}, by {', '.join(m['kind'] for m in p['methods'])}"
        for p in reached
    ]
    how += ["told, cannot acknowledge"] if places else []
    waits = [_waits(person, about) for person in reached if person["waits_until"]]
    who = ", ".join([*(person["user"]["name"] for person in reached), *(place.name for place in places)]) or "Nobody"
    line = Line(
        at, number, who, "; ".join(how + missing), bool(reached or (places and not asked)), int((at - now).total_seconds()), page.round, step.need, step.when.words,
        waits="; ".join(waits), track=about.track, people=reached, places=[place.name for place in places], unreachable=missing,
    )  # fmt: skip
    return line, timedelta() if places or not about.low else _held(reached, at)


def _held(reached: list[dict[str, Any]], at: datetime) -> timedelta:
    """How long after its start the first page of a step goes out, of what can wait."""
    first = [(person["waits_until"] or at) + timedelta(seconds=person["methods"][0]["after_seconds"]) for person in reached]
    return max(timedelta(), min(first, default=at) - at)


def _waits(person: dict[str, Any], about: _About) -> str:
    until = person["waits_until"].astimezone(ZoneInfo(person["zone"]))
    return (
        f"waits until {until:%A %d %B, %H:%M} where {person['user']['name']} lives ({person['zone']}): {about.subject['severity']} can wait for"
        " working hours"
    )


def _person(one: people.Found, about: _About, step: int | None, start: datetime, at: datetime) -> dict[str, Any]:
    opens = low_urgency.opens_at(one.user, start) if about.low else at
    name = f"{about.name}, track {about.track}" if about.track else about.name
    return {
        "user": {"id": one.user.id, "name": one.user.name},
        "via": one.via,
        "why": delivery.path(about.subject, alert=True, policy=name, step=step, via=one.via),
        "methods": [{"kind": way.method.kind, "after_seconds": way.after_seconds} for way in people.ways(one.user, about.urgency)],
        "waits_until": opens if opens > at else None,
        "zone": one.user.time_zone,
    }
