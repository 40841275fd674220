"""What is a policy like for whoever it pages? Its pages, all of them to the one person who tries it, marked as a test; on their wish its posts to
rooms and webhooks as well. Writes their rows."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any

from django.db.models import QuerySet

from tocsin.accounts.models import User
from tocsin.domain.escalation_policy import Policy, tracks
from tocsin.lib.refusal import Refused
from tocsin.paging import low_urgency, people, posts, rehearsal
from tocsin.paging import operations_notifications as notifications
from tocsin.paging import operations_shown as shown
from tocsin.paging import operations_telephones as telephones
from tocsin.paging.messages import POLICY_TEST
from tocsin.paging.models import EscalationPolicy, Notification

MOST_STEPS = 5  # of each track: whoever tries it need not be rung for an hour
BETWEEN = timedelta(seconds=30)  # steps follow one another so fast, whatever they wait in earnest
LASTS = timedelta(hours=24)  # as long as the link of a page
ACKNOWLEDGED = "acknowledged"


def send(policy: EscalationPolicy, user: User, now: datetime, *, rooms: bool = False) -> None:
    """Page that person, and nobody else, by every step of the first round as the policy would page its people: by their own rules, a step
    each 30 seconds. `rooms`: what the steps tell rooms and webhooks is posted there too, marked as a test. Refused where no way leads to the
    person, and while a test of theirs is under way."""
    ways = people.ways(user)
    if not ways:
        raise Refused(f"No way leads to {user.name} yet: prove a contact method first.", status=409, code="unreachable")
    before = _of(user)
    if before.filter(due_at__isnull=False).exists() or before.filter(created_at__gt=now - timedelta(minutes=1)).exists():
        raise Refused("A test of yours is under way: acknowledge it, or wait a minute.", status=409, code="too_many")
    for method in {way.method.id: way.method for way in ways}.values():
        telephones.refuse_test(method, now)
    run = before.count() + 1  # rows are never taken away, so that no two runs have the same
    lines = [line for line in _lines(policy, now) if line.people or (rooms and line.places)]
    if not lines:
        raise Refused("No step of the policy pages anybody: there is nothing to try.", status=409, code="empty")
    hours, rows = working_hours(policy, now), []
    for line in lines:
        step = line.step or 0
        place = list(tracks(policy.plain)).index(line.track)
        group = f"{POLICY_TEST}{policy.pk}:u{user.pk}:r{run}:t{place}:s{step}"
        at = now + BETWEEN * (step - 1)
        if line.people:
            text = " ".join([_text(user, line, rooms), *hours.get((line.track, step), [])])[:4000]
            rows += notifications.plan_test(user, ways, group=group, title=_title(policy, line), text=text, at=at, now=now)
        if rooms:
            rows += _posts(policy, line, user, group=group, at=at, now=now)
    notifications.insert(rows)


def _posts(policy: EscalationPolicy, line: rehearsal.Line, user: User, *, group: str, at: datetime, now: datetime) -> list[Notification]:
    step = Policy.from_plain(tracks(policy.plain)[line.track]).steps[(line.step or 1) - 1]
    words = {
        "title": _title(policy, line),
        "text": f"This is a test that {user.name} asked for; nothing is wrong, and there is nothing to do.",
    }
    why = f"a test of policy {policy.name} by {user.name}"
    return [
        posts.row(place, identity=f"{group}:p{number}", due_at=at, now=now, reason=why, **words)
        for number, place in enumerate(posts.find(step.targets)[0])
    ]


def _lines(policy: EscalationPolicy, now: datetime, **about: Any) -> list[rehearsal.Line]:
    """What the steps of the first round that a test tries would do in earnest."""
    found = rehearsal.dry_run(policy.plain, team=policy.team_id, name=policy.name, now=now, **about)
    return [line for line in found if line.step and line.step <= MOST_STEPS and not line.round]


def working_hours(policy: EscalationPolicy, now: datetime) -> dict[tuple[str, int], list[str]]:
    """What working hours would do in earnest to each step, by track and step, in sentences: the test itself goes out at once."""
    found: dict[tuple[str, int], list[str]] = {}

    def say(line: rehearsal.Line, sentence: str) -> None:
        said = found.setdefault((line.track, line.step or 0), [])
        if sentence not in said:
            said.append(sentence)

    for line in _lines(policy, now):
        if line.passed_over:
            say(line, f"It would be passed over now: {line.passed_over}.")
    for severity in policy.low_severities:
        low = low_urgency.Low.of(policy, severity)
        for line in _lines(policy, now, subject={"severity": severity}, low=low):
            if low and low.record_only:
                say(line, f"{severity} would only be recorded: nobody is paged.")
            elif line.people:
                at_once = f"{severity} can wait for working hours, and would be told at once: these are such"
                say(line, f"{line.waits[:1].upper()}{line.waits[1:]}." if line.waits else f"{at_once}.")
    return found


def _title(policy: EscalationPolicy, line: rehearsal.Line) -> str:
    track = f", track {line.track}" if line.track else ""
    return f"TEST of policy {policy.name}{track}: step {line.step}"[:300]


def _text(user: User, line: rehearsal.Line, rooms: bool) -> str:
    names = ", ".join(person["user"]["name"] for person in line.people[:10]) + (" and more" if len(line.people) > 10 else "")
    when = "at once" if not line.after_seconds else f"{line.after_seconds / 60:g} minutes after the start"
    return (
        f"This is a test that {user.name} asked for; nothing is wrong, and nobody else is paged. In earnest this step would page {names} {when}."
        f" Acknowledge it, and the rest of the test is withdrawn.{_told(line, rooms)}"
    )


def _told(line: rehearsal.Line, rooms: bool) -> str:
    if not line.places:
        return ""
    return f" {'The test tells' if rooms else 'In earnest it would tell'} {', '.join(line.places[:10])} as well."


def acknowledge(row: Notification, user: User, now: datetime) -> datetime:
    """ "I have it", said to a page of a test: what is still to come of it is withdrawn. When it was acknowledged, which is said once."""
    pages = of_run(row)
    if at := acknowledged_at(row):
        return at
    notifications.cancel(pages, f"acknowledged by {user.name}", now)
    for page in pages.select_for_update():
        page.history = [*page.history, notifications.line(ACKNOWLEDGED, f"by {user.name}", now)]
        page.save(update_fields=["history"])
    shown.refresh(pages, now)
    return now


def acknowledged_at(row: Notification) -> datetime | None:
    """When the test that this page belongs to was acknowledged."""
    history = Notification.objects.values_list("history", flat=True).get(pk=row.pk)
    return next((datetime.fromisoformat(line["at"]) for line in history if line["state"] == ACKNOWLEDGED), None)


def of_run(row: Notification) -> QuerySet[Notification]:
    """The pages, and posts to rooms and webhooks, of the test that this one belongs to."""
    return Notification.objects.filter(identity__startswith=row.identity.rsplit(":t", 1)[0] + ":t")


def newest(policy: EscalationPolicy, user: User, now: datetime) -> list[Notification]:
    """The pages of that person's last test of that policy within a day, in the order in which they go out; empty where there was none."""
    last = _of(user, policy).filter(created_at__gt=now - LASTS).order_by("-id").first()
    return list(of_run(last).select_related("contact_method").order_by("created_at", "id")) if last else []


def _of(user: User, policy: EscalationPolicy | None = None) -> QuerySet[Notification]:
    begins = f"{POLICY_TEST}{policy.pk}:u{user.pk}:" if policy else POLICY_TEST
    return Notification.objects.filter(user=user, kind="test", identity__startswith=begins)
