"""Who would be paged if this fired now, when, and why? What the editor, `tocsin oncall explain` and the API show: the real rules, carried out on nothing."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from tocsin.domain import delivery
from tocsin.domain import escalation as rules
from tocsin.paging import people, posts


@dataclass(frozen=True)
class Line:
    """One step of a dry run. `at` is when it would start; `who` and `how` in words; `reachable` says whether it reaches anybody.

    `step` counts from 1, None for a fallback; `passed_over` says why it would not count then; `need`: so many must acknowledge, 0 all.
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
    people: list[dict[str, Any]] = field(default_factory=list)
    places: list[str] = field(default_factory=list)
    unreachable: list[str] = field(default_factory=list)


def dry_run(
    plain: dict[str, Any], *, team: int | None = None, name: str = "", subject: dict[str, Any] | None = None, now: datetime
) -> list[Line]:
    """One line a step of each round, the fallbacks last, as if nobody ever acknowledged. Whoever is on call then is named, by what is planned now.

    `subject` is what pages would be about: {"title", "service", "severity", "critical"}; without a severity every condition on it is met.
    """
    policy = rules.Policy.from_plain(plain)
    about = {"title": "this", "team_id": team, **(subject or {})}
    lines: list[Line] = []

    def reaches(page: rules.Page, at: datetime) -> bool:
        lines.append(_line(policy, page, about, name, at, now))
        return lines[-1].reachable

    for at, action in rules.rehearse(policy, now, lambda at: people.facts(policy, about, at), reaches):
        if isinstance(action, rules.PassedOver):
            after = int((at - now).total_seconds())
            how = f"passed over: {action.why}"
            condition = policy.steps[action.step].when.words
            lines.append(Line(at, action.step + 1, "Nobody", how, False, after, action.round, condition=condition, passed_over=action.why))
    return lines


def _line(policy: rules.Policy, page: rules.Page, about: dict[str, Any], name: str, at: datetime, now: datetime) -> Line:
    step, number = policy.all_steps[page.step], None if page.fallback else page.step + 1
    found, absent = people.find([target for target in page.targets if target.kind not in rules.POSTS], about, at)
    places, gone = posts.find(page.targets)
    persons = [_person(one, about, name, number) for one in found]
    reached = [person for person in persons if person["methods"]]
    missing = [nobody.reason for nobody in [*absent, *gone]]
    missing += [f"{person['user']['name']} has no usable contact method" for person in persons if not person["methods"]]
    how = [
        (f"{p['user']['name']}: " if len(reached) > 1 else "") + f"{p['via']}, by {', '.join(m['kind'] for m in p['methods'])}"
        for p in reached
    ]
    how += ["told, cannot acknowledge"] if places else []
    who = ", ".join([*(person["user"]["name"] for person in reached), *(place.name for place in places)]) or "Nobody"
    return Line(
        at, number, who, "; ".join(how + missing), bool(reached or places), int((at - now).total_seconds()), page.round, step.need, step.when.words,
        people=reached, places=[place.name for place in places], unreachable=missing,
    )  # fmt: skip


def _person(one: people.Found, about: dict[str, Any], policy: str, step: int | None) -> dict[str, Any]:
    return {
        "user": {"id": one.user.id, "name": one.user.name},
        "via": one.via,
        "why": delivery.path(about, alert=True, policy=policy, step=step, via=one.via),
        "methods": [{"kind": way.method.kind, "after_seconds": way.after_seconds} for way in people.ways(one.user)],
    }
