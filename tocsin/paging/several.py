"""Where several people must acknowledge: who was asked, who has answered, and is it enough?"""

from __future__ import annotations

import re
from datetime import datetime

from django.db.models.functions import Coalesce

from tocsin.accounts.actor import Actor
from tocsin.accounts.models import User
from tocsin.domain import escalation as rules
from tocsin.paging.models import Escalation, Notification

IDENTITY = re.compile(r"^esc:\d+:e\d+:s(\d+):r(\d+):")


def answered(escalation: Escalation) -> set[int]:
    """Who has acknowledged so far, where one was not enough, and is still here."""
    return {user.pk for user in _here(escalation)}


def last_answer(escalation: Escalation) -> Actor | None:
    """Who of those acknowledged last, and by what way."""
    here = {user.pk: user for user in _here(escalation)}
    return next((Actor.of(here[id], one["via"]) for one in reversed(escalation.answers) if (id := int(one["user"])) in here), None)


def _here(escalation: Escalation) -> list[User]:
    found = [int(answer["user"]) for answer in escalation.answers]
    return list(User.objects.filter(pk__in=found, is_active=True, removed_at=None)) if found else []


def take_answer(escalation: Escalation, by: Actor, now: datetime) -> bool:
    """Count this acknowledgement of a locked, unanswered escalation where one is not enough; whether it is a new one.

    An acknowledgement without a person (by a source) is not counted: it ends paging as anywhere else.
    """
    policy = rules.Policy.from_plain(escalation.policy_snapshot)
    if by.user is None or policy.one_is_enough or escalation.status != Escalation.Status.RUNNING:
        return False
    if by.user.id in answered(escalation):
        return False
    escalation.answers = [*escalation.answers, {"user": by.user.id, "at": now.isoformat(), "via": by.via}]
    escalation.save(update_fields=["answers"])
    return True


def waits_for(escalation: Escalation) -> str:
    """Who must acknowledge as well, in words; empty where nobody has acknowledged yet, or it is enough."""
    if not escalation.answers or escalation.status != Escalation.Status.RUNNING:
        return ""
    policy, asked, have = rules.Policy.from_plain(escalation.policy_snapshot), _asked(escalation), answered(escalation)
    return "" if not have or rules.answered_enough(policy, asked, have) else _words(*rules.still_asked(policy, asked, have))


def _words(more: int, people: list[int]) -> str:
    names = ", ".join(User.objects.filter(pk__in=people).order_by("name").values_list("name", flat=True))
    return names if more >= len(people) else f"{more} of {names}"


def _asked(escalation: Escalation) -> dict[tuple[int, int], list[int]]:
    """By round and step, the people whom it has paged; who could not be reached by any method, or has left, is left out."""
    asked: dict[tuple[int, int], dict[int, bool]] = {}
    pages = Notification.objects.filter(escalation=escalation, kind__in=("page", "fallback"), user__is_active=True, user__removed_at=None)
    told = Coalesce("merged_into__state", "state")  # by the page that stands for it
    for identity, user, state in pages.order_by("id").values_list("identity", "user_id", told):
        if place := IDENTITY.match(identity):
            people = asked.setdefault((int(place[2]), int(place[1])), {})
            people[user] = people.get(user, False) or state != Notification.State.FAILED
    found = {place: [user for user, reached in people.items() if reached] for place, people in asked.items()}
    return {place: people for place, people in found.items() if people}
