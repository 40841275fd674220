"""How does an escalation go on: whom does a step page, and what if it reaches nobody? Writes escalations."""

from __future__ import annotations

import re
from dataclasses import replace
from datetime import datetime
from typing import Any

from tocsin.accounts.actor import SYSTEM, Actor
from tocsin.accounts.models import User
from tocsin.alerts.models import Alert
from tocsin.domain import catch_up, delivery
from tocsin.domain import escalation as rules
from tocsin.lib import due, statements
from tocsin.oncall import queries as oncall
from tocsin.paging import low_urgency, people, posts, several
from tocsin.paging import operations_notifications as notifications
from tocsin.paging import operations_once as once
from tocsin.paging.models import Escalation, EscalationPolicy, Notification
from tocsin.paging.operations_by_hand import fallback_people
from tocsin.timeline.operations import note, record

LOOP = "escalations"
Status = Escalation.Status
IDENTITY_STEP = re.compile(r"^esc:\d+:e\d+:s(\d+):r(\d+):")


def snapshot(policy: EscalationPolicy | None) -> dict[str, Any]:
    """What an escalation keeps of its policy; empty steps where there is none."""
    if policy is None:
        return {"id": None, "name": "", "steps": [], "repeats": 0}
    kept = {"id": policy.id, "name": policy.name, "steps": policy.steps, "repeats": policy.repeats}
    return {**kept, "tracks": policy.tracks} if policy.tracks else kept


def tell(escalation: Escalation, kind: str, text: str, now: datetime, by: Actor = SYSTEM, **data: Any) -> None:
    """Put something about an escalation on the record of its subject."""
    note(
        kind, text, by=by, now=now, alert_id=escalation.alert_id, incident_id=escalation.incident_id,
        data={"escalation": escalation.id, "track": escalation.track, **data},
    )  # fmt: skip


def advance(escalation: Escalation, now: datetime) -> None:
    """Carry out what is due of a locked escalation. A step that reaches nobody is followed by the next one at once, fallbacks included."""
    policy = rules.Policy.from_plain(escalation.policy_snapshot)
    state = rules.State(escalation.step, escalation.round, escalation.due_at)
    facts = people.facts(policy, escalation.subject, now)
    while state.due_at is not None and state.due_at <= now:
        decision = rules.advance(policy, state, now, None if low_urgency.waited(escalation, now) else facts)
        state = decision.state
        for action in decision.actions:
            match action:
                case rules.Page():
                    if _hold(escalation, action, now):
                        state = rules.State(action.step, action.round, escalation.held_until)
                    elif not _page(escalation, action, now):
                        state = rules.nobody_reached(state, now)
                case rules.PassedOver(step, 0, why):
                    tell(escalation, "step_passed_over", f"Step {step + 1} is passed over: {why}.", now, step=step)
                case rules.Exhausted():
                    _exhausted(escalation, now)
        if escalation.urgency == "low" and state.due_at is not None and state.due_at > now:
            state = replace(state, due_at=low_urgency.next_step_at(escalation, state.due_at, now))
    escalation.step, escalation.round, escalation.due_at = state.step, state.round, state.due_at
    statements.update(escalation, "step", "round", "due_at", "held_until", "status", "finished_at")
    if state.due_at:
        due.wake(LOOP, at=state.due_at, now=now)


def _exhausted(escalation: Escalation, now: datetime) -> None:
    own = escalation.policy_track
    escalation.status, escalation.finished_at = Status.EXHAUSTED, now
    text = f"Nobody answered any step of track {own}." if own else "Nobody answered any step, the fallback people included."
    if own and not escalation.notifications.exists():  # a worse severity may make its steps count
        escalation.status, text = Status.STOPPED, f"Track {own} asks nobody: no step of it counts now, or reaches anybody."
    tell(escalation, "escalation_exhausted" if escalation.status == Status.EXHAUSTED else "step_passed_over", text, now)


def _hold(escalation: Escalation, page: rules.Page, now: datetime) -> bool:
    """Does a step that can wait start later, once, so that whoever is on call then is paged (R5)? Says so, and until when, on the escalation."""
    waits = escalation.urgency == "low" and not low_urgency.waited(escalation, now)
    found = low_urgency.held(page.targets, escalation.subject, now) if waits else None
    escalation.held_until = found[0] if found else None
    if found:
        until, user = found
        text = (
            f"{_called(escalation, page)} waits until {oncall.in_words(until, user.time_zone)} ({user.time_zone}): it can wait for working"
        )
        tell(escalation, "held", f"{text} hours, and whoever is on call then is paged.", now, step=page.step, until=until.isoformat())
    return bool(found)


def _called(escalation: Escalation, page: rules.Page) -> str:
    """ "Step 2, round 2", "Track Leadership, step 1", "The fallback"."""
    step = "The fallback" if page.fallback else f"Step {page.step + 1}" + (f", round {page.round + 1}" if page.round else "")
    return f"Track {escalation.policy_track}, {step[:1].lower()}{step[1:]}" if escalation.policy_track else step


def _page(escalation: Escalation, page: rules.Page, now: datetime) -> int:
    """Make the rows of one step; how many people and places they reach."""
    found, missing = people.find(
        [target for target in page.targets if target.kind not in rules.POSTS], escalation.subject, now, escalation.urgency
    )
    places, gone = posts.find(page.targets)
    late = catch_up.late_by(escalation.due_at or now, now)
    step = _called(escalation, page)
    group = f"esc:{escalation.id}:e{escalation.episode}:s{page.step}:r{page.round}"
    reached, before, already = [], several.answered(escalation), []
    ahead = once.told(escalation, [one.user.id for one in found], now)
    for one in found:
        if one.user.id in before:
            missing.append(people.NotFound(f"{one.user.name} has acknowledged already, and more must"))
            continue
        if absent := low_urgency.away(one.user, escalation.urgency, now):
            missing.append(people.NotFound(absent))
            continue
        rows = notifications.plan(
            one.user, group=f"{group}:u{one.user.id}", subject=escalation.subject, why=_why(escalation, page, one.via), now=now,
            kind="fallback" if page.fallback else "page", urgency=escalation.urgency, escalation=escalation,
            alert_id=escalation.alert_id, incident_id=escalation.incident_id, late=late, by_ways=one.ways, told=ahead.get(one.user.id, ()),
        )  # fmt: skip
        if rows and all(row.merged_into_id for row in rows):
            already.append(f"{one.user.name} ({one.via}), whom {ahead[one.user.id][0].by} pages about this at the same moment")
        elif rows:
            reached.append(one)
        else:
            missing.append(people.NotFound(f"{one.user.name} ({one.via}) has no usable contact method"))
    if reached:
        names = ", ".join(f"{one.user.name} ({one.via})" for one in reached)
        kind = "fallback_paged" if page.fallback else "paged"
        told = page.step == 0 and page.round == 0  # with what started it, one line above
        because = f" Because: {escalation.reason}." if escalation.reason and not told else ""
        delay = f" {catch_up.words(late).capitalize()} late: Tocsin itself was away." if late else ""
        tell(escalation, kind, f"{step} pages {names}.{because}{delay}", now, step=page.step, users=[one.user.id for one in reached])
    if already:
        tell(escalation, "told_already", f"{step} counts as told: {'; '.join(already)}. Once is enough.", now, step=page.step)
    if places:
        posts.plan(places, escalation=escalation, group=group, why=_why(escalation, page, "", "this place"), now=now)
        tell(escalation, "posted", f"{step} tells {', '.join(one.name for one in places)}.", now, step=page.step)
    for nobody in [*missing, *gone] or ([] if found or places else [people.NotFound("the step names nobody")]):
        tell(escalation, "nobody_reached", f"{step} does not reach anybody: {nobody.reason}.", now, step=page.step)
    asked = any(target.kind not in rules.POSTS for target in page.targets)  # a room that is told beside them wakes nobody
    return len(reached) + len(already) + (0 if asked else len(places))


def _why(escalation: Escalation, page: rules.Page, via: str, to: str = "you") -> str:
    """Why somebody is paged: the whole path, and what began it."""
    name, own = escalation.policy_snapshot.get("name", ""), escalation.policy_track
    why = delivery.path(
        escalation.subject, alert=bool(escalation.alert_id), policy=f"{name}, track {own}" if own else name,
        step=None if page.fallback else page.step + 1, via=via, to=to,
    )  # fmt: skip
    return f"{why} ({escalation.reason})"[:1000] if escalation.reason else why


def unreached(row: Notification, escalation: Escalation | None, now: datetime) -> None:
    """A person could not be reached by any method (R6): the next step at once where nobody else of this step can be, else the fallback."""
    text = f"{row.whom} could not be reached by any contact method." if row.user else f"{row.whom} could not be reached."
    if escalation is None:
        record("nobody_reached", text, by=SYSTEM, now=now, alert_id=row.alert_id, incident_id=row.incident_id, data={"user": row.user_id})
        alert = Alert.objects.select_related("service").filter(pk=row.alert_id).first() if row.alert_id else None
        team = alert.service.team_id if alert and alert.service else None
        identity = row.identity.rsplit(":u", 1)[0].removesuffix(":fallback")
        fallback_people(identity, {"title": row.title, "team_id": team}, row, now)
        return
    tell(escalation, "nobody_reached", text, now, user=row.user_id)
    if escalation.status == Status.RUNNING and escalation.due_at is not None and _is_newest(row, escalation):
        _go_on_alone(escalation, _of_step(row, escalation), now)


def _is_newest(row: Notification, escalation: Escalation) -> bool:
    """Is a page of the step that the escalation started last?"""
    place = IDENTITY_STEP.match(row.identity)
    if not place:
        return False
    policy = rules.Policy.from_plain(escalation.policy_snapshot)
    following = rules.advance(policy, rules.State(int(place[1]), int(place[2]), row.created_at), row.created_at).state
    return (following.step, following.round) == (escalation.step, escalation.round)


def _of_step(row: Notification, escalation: Escalation) -> list[Notification]:
    """All rows of the step that this one belongs to; of a page those to people, as a room that is told beside them wakes nobody."""
    place = IDENTITY_STEP.match(row.identity)
    begins = f"esc:{escalation.id}:e{escalation.episode}:s{place[1]}:r{place[2]}:" if place else row.identity
    rows = Notification.objects.filter(escalation=escalation, identity__startswith=begins)
    return list(rows.exclude(kind=posts.KIND) if row.user_id else rows)


def _go_on_alone(escalation: Escalation, others: list[Notification], now: datetime) -> bool:
    """The next step starts now, unless one of these others of the step may still reach somebody. Whether it does."""
    if once.group_is_live(others):
        return False
    escalation.due_at = now
    escalation.save(update_fields=["due_at"])
    due.wake(LOOP)
    return True


def gone(user: User, why: str, *, now: datetime) -> int:
    """This person cannot be reached any more (`why`, as a sentence begins): where nobody else whom the newest step has paged can be, the next one
    starts now (R6). For so many escalations."""
    pages = Notification.objects.filter(user=user, kind__in=notifications.PAGES, escalation__status=Status.RUNNING)
    found = Escalation.objects.select_for_update(of=("self",)).filter(
        pk__in=pages.filter(escalation__due_at__isnull=False).values("escalation_id"), status=Status.RUNNING, held_until=None
    )
    hurried = 0
    for escalation in found.order_by("id"):
        own = escalation.notifications.filter(user=user)
        newest = [row for row in own if _is_newest(row, escalation)]
        notifications.cancel(own, why, now)
        step = _of_step(newest[0], escalation) if newest else []
        able = people.reachable({row.user_id for row in step if row.user_id} - {user.pk})
        waits = newest and escalation.due_at and escalation.due_at > now
        if waits and _go_on_alone(escalation, [row for row in step if row.user_id in able], now):
            tell(
                escalation, "nobody_reached", f"{why}, and nobody else of this step can answer: the next one starts now.", now, user=user.pk
            )
            hurried += 1
    return hurried


def gone_if_out_of_reach(user: User, *, now: datetime) -> None:
    """The same where no usable way leads to them any more."""
    if not people.reachable({user.pk}):
        gone(user, f"{user.name} has no way left to be reached", now=now)


def hurry(id: int, *, by: Actor, now: datetime) -> bool:
    """Somebody who was paged passes it on: the next step starts now, of each track that this page told them of. False when nobody else is to
    come, or somebody has it already."""
    also = once.told_through(Escalation.objects.get(pk=id), by.user.id) if by.user else []
    found = list(Escalation.objects.select_for_update(of=("self",)).filter(pk__in=[id, *also]).order_by("id"))
    running = [one for one in found if one.status == Status.RUNNING and one.due_at is not None]
    if id not in [one.pk for one in running]:
        return False
    for escalation in running:
        escalation.due_at = now
        escalation.save(update_fields=["due_at"])
        tell(escalation, "passed_on", f"{by.label} passed it on: the next step starts now.", now, by)
        if by.user:
            notifications.cancel(escalation.notifications.filter(user=by.user), f"passed on by {by.label}", now)
    due.wake(LOOP)
    return True
