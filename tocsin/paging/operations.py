"""How does an escalation start, go on, and end? Writes escalations; notifications, policies and contact methods have files of their own."""

from __future__ import annotations

import re
from collections.abc import Collection, Sequence
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any

from django.db import connection
from django.db.models import Q, QuerySet

from tocsin.accounts.actor import SYSTEM, Actor
from tocsin.accounts.models import User
from tocsin.alerts.models import Alert
from tocsin.domain import catch_up, delivery
from tocsin.domain import escalation as rules
from tocsin.domain import escalation_policy as policies
from tocsin.lib import due, statements
from tocsin.paging import low_urgency, operations_canary, people, posts, several
from tocsin.paging import operations_notifications as notifications
from tocsin.paging import operations_once as once
from tocsin.paging import operations_shown as showing
from tocsin.paging.models import Escalation, EscalationPolicy, Notification
from tocsin.paging.operations_contacts import (
    add_method,
    add_rule,
    change_method,
    invitation,
    remove_method,
    remove_rule,
    send_code,
    send_test,
    set_quiet,
    verify,
)
from tocsin.paging.operations_notifications import shown
from tocsin.paging.operations_policies import change_policy, create_policy, policy_of, remove_policy
from tocsin.timeline.operations import note, record

__all__ = [
    "acknowledge", "add_method", "add_rule", "attach", "change_method", "change_policy", "create_policy", "expire_at", "invitation", "notice", "page_person",
    "policy_of", "remove_method", "remove_policy", "remove_rule", "retitle", "send_code", "send_test", "set_quiet", "shown", "start", "stop", "verify",
]  # fmt: skip

LOOP = "escalations"
NEVER_PAGED = "acknowledged, never paged"
Status = Escalation.Status
DUE = statements.Read("SELECT {e} FROM paging_escalation e WHERE e.id = %s AND e.due_at <= %s FOR UPDATE SKIP LOCKED", e=Escalation)
OF_TRACK = statements.Read(
    "SELECT {e} FROM paging_escalation e WHERE (e.incident_id = %s OR (e.alert_id = %s AND (%s OR e.incident_id IS NULL))) AND e.track = %s"
    " ORDER BY e.id FOR UPDATE",
    e=Escalation,
)
IDENTITY_STEP = re.compile(r"^esc:\d+:e\d+:s(\d+):r(\d+):")


# -- starting -------------------------------------------------------------------------------------------------------------


def start(
    *,
    policy: EscalationPolicy | None,
    track: str,
    subject: dict[str, Any],
    alert: Alert | None = None,
    incident_id: int | None = None,
    reason: str = "",
    urgency: str = "",
    since: datetime | None = None,
    begins: bool = False,
    by: Actor = SYSTEM,
    now: datetime,
) -> Escalation:
    """Start a policy on a snapshot of it and page its first step, in the caller's transaction. The running one of that subject and track,
    if there is one, is returned as it is. Without a policy the fallback people are paged (R6). `since`: when it should have started.
    `urgency`: as the policy says, unless it is given. `begins`: its subject is made in this transaction and was not paged about yet."""
    before = [] if begins else _runs(track, "", alert.id if alert else None, incident_id)
    if running := next((row for row in before if row.status == Status.RUNNING), None):
        if incident_id and running.incident_id is None:
            attach(alert_ids=[running.alert_id], incident_id=incident_id, subject=subject, now=now)
            running.refresh_from_db()
        return running
    usable = policy if policy and policy.removed_at is None else None
    urgency = urgency or low_urgency.urgency_of(usable, subject)
    recorded = low_urgency.record_only(usable, urgency)
    escalation = Escalation(
        policy=policy, policy_snapshot=snapshot(usable), track=track, alert=alert, incident_id=incident_id, subject=subject,
        reason=reason[:500], urgency=urgency, episode=len(before) + 1, started_at=now,
        due_at=None if recorded else min(since or now, now), finished_at=now if recorded else None,
        status=Status.STOPPED if recorded else Status.RUNNING,
    )  # fmt: skip
    statements.insert([escalation])
    if recorded:
        _tell(
            escalation,
            "recorded_only",
            f"Nobody is paged: policy {usable and usable.name} only records {subject.get('severity')}.",
            now,
            by,
        )
        return escalation
    name = f"policy {usable.name}" if usable else "no escalation policy: the fallback people are next"
    _tell(
        escalation, "escalation_started", f"Paging started ({track.replace('_', ' ')}, {name})." + (f" {reason}" if reason else ""), now, by
    )
    advance(escalation, now)
    _beside(escalation, now, by, since=since)
    return escalation


def _runs(track: str, own: str, alert_id: int | None, incident_id: int | None) -> list[Escalation]:
    """The escalations about that subject on that track, of one of the policy's own tracks, oldest first and locked."""
    return [row for (row,) in OF_TRACK.all(incident_id, alert_id, incident_id is None, track) if row.policy_track == own]


def snapshot(policy: EscalationPolicy | None) -> dict[str, Any]:
    """What an escalation keeps of its policy; empty steps where there is none."""
    if policy is None:
        return {"id": None, "name": "", "steps": [], "repeats": 0}
    kept = {"id": policy.id, "name": policy.name, "steps": policy.steps, "repeats": policy.repeats}
    return {**kept, "tracks": policy.tracks} if policy.tracks else kept


def _beside(first: Escalation, now: datetime, by: Actor = SYSTEM, *, since: datetime | None = None, stopped_only: bool = False) -> None:
    """Start the further tracks of a policy beside its first one. `stopped_only`: those that asked nobody, because no step of them counted."""
    for own in policies.tracks(first.policy_snapshot):
        if own:
            _start_track(first, first.policy_snapshot, own, now, by, since=since, stopped_only=stopped_only)


def _start_track(
    like: Escalation,
    policy: dict[str, Any],
    own: str,
    now: datetime,
    by: Actor = SYSTEM,
    *,
    since: datetime | None = None,
    stopped_only: bool = False,
) -> None:
    """Run one of a policy's own tracks about the same subject, unless it runs."""
    before = _runs(like.track, own, like.alert_id, like.incident_id)
    last = before[-1] if before else None
    if last and (last.status == Status.RUNNING or (stopped_only and (last.status != Status.STOPPED or last.notifications.exists()))):
        return
    kept = {**policies.tracks(policy)[own], "id": policy["id"], "name": policy["name"], "track": own}
    escalation = Escalation(
        policy_id=policy["id"], policy_snapshot=kept, track=like.track, policy_track=own, alert_id=like.alert_id, incident_id=like.incident_id,
        subject=like.subject, reason=like.reason, urgency=like.urgency, episode=len(before) + 1, started_at=now, due_at=min(since or now, now),
    )  # fmt: skip
    statements.insert([escalation])
    _tell(escalation, "escalation_started", f"Paging started beside it (policy {policy['name']}, track {own}).", now, by)
    advance(escalation, now)


def _tell(escalation: Escalation, kind: str, text: str, now: datetime, by: Actor = SYSTEM, **data: Any) -> None:
    note(
        kind, text, by=by, now=now, alert_id=escalation.alert_id, incident_id=escalation.incident_id,
        data={"escalation": escalation.id, "track": escalation.track, **data},
    )  # fmt: skip


# -- going on -------------------------------------------------------------------------------------------------------------


def advance(escalation: Escalation, now: datetime) -> None:
    """Carry out what is due of a locked escalation. A step that reaches nobody is followed by the next one at once, fallbacks included."""
    policy = rules.Policy.from_plain(escalation.policy_snapshot)
    state = rules.State(escalation.step, escalation.round, escalation.due_at)
    facts = people.facts(policy, escalation.subject, now)
    while state.due_at is not None and state.due_at <= now:
        decision = rules.advance(policy, state, now, facts)
        state = decision.state
        for action in decision.actions:
            match action:
                case rules.Page():
                    if not _page(escalation, action, now):
                        state = rules.nobody_reached(state, now)
                case rules.PassedOver(step, 0, why):
                    _tell(escalation, "step_passed_over", f"Step {step + 1} is passed over: {why}.", now, step=step)
                case rules.Exhausted():
                    _exhausted(escalation, now)
        if escalation.urgency == "low" and state.due_at is not None and state.due_at > now:
            state = replace(state, due_at=low_urgency.next_step_at(escalation, state.due_at, now))
    escalation.step, escalation.round, escalation.due_at = state.step, state.round, state.due_at
    statements.update(escalation, "step", "round", "due_at", "status", "finished_at")
    if state.due_at:
        due.wake(LOOP, at=state.due_at, now=now)


def _exhausted(escalation: Escalation, now: datetime) -> None:
    own = escalation.policy_track
    escalation.status, escalation.finished_at = Status.EXHAUSTED, now
    text = f"Nobody answered any step of track {own}." if own else "Nobody answered any step, the fallback people included."
    if own and not escalation.notifications.exists():  # a worse severity may make its steps count
        escalation.status, text = Status.STOPPED, f"Track {own} asks nobody: no step of it counts now, or reaches anybody."
    _tell(escalation, "escalation_exhausted" if escalation.status == Status.EXHAUSTED else "step_passed_over", text, now)


def _page(escalation: Escalation, page: rules.Page, now: datetime) -> int:
    """Make the rows of one step; how many people and places they reach."""
    found, missing = people.find(
        [target for target in page.targets if target.kind not in rules.POSTS], escalation.subject, now, escalation.urgency
    )
    places, gone = posts.find(page.targets)
    late = catch_up.late_by(escalation.due_at or now, now)
    step = "The fallback" if page.fallback else f"Step {page.step + 1}" + (f", round {page.round + 1}" if page.round else "")
    step = f"Track {escalation.policy_track}, {step[:1].lower()}{step[1:]}" if escalation.policy_track else step
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
        because = f" Because: {escalation.reason}." if escalation.reason else ""
        delay = f" {catch_up.words(late).capitalize()} late: Tocsin itself was away." if late else ""
        _tell(escalation, kind, f"{step} pages {names}.{because}{delay}", now, step=page.step, users=[one.user.id for one in reached])
    if already:
        _tell(escalation, "told_already", f"{step} counts as told: {'; '.join(already)}. Once is enough.", now, step=page.step)
    if places:
        posts.plan(places, escalation=escalation, group=group, why=_why(escalation, page, "", "this place"), now=now)
        _tell(escalation, "posted", f"{step} tells {', '.join(one.name for one in places)}.", now, step=page.step)
    for nobody in [*missing, *gone] or ([] if found or places else [people.NotFound("the step names nobody")]):
        _tell(escalation, "nobody_reached", f"{step} does not reach anybody: {nobody.reason}.", now, step=page.step)
    return len(reached) + len(already) + len(places)


def _why(escalation: Escalation, page: rules.Page, via: str, to: str = "you") -> str:
    """Why somebody is paged: the whole path, and what began it."""
    name, own = escalation.policy_snapshot.get("name", ""), escalation.policy_track
    why = delivery.path(
        escalation.subject, alert=bool(escalation.alert_id), policy=f"{name}, track {own}" if own else name,
        step=None if page.fallback else page.step + 1, via=via, to=to,
    )  # fmt: skip
    return f"{why} ({escalation.reason})"[:1000] if escalation.reason else why


def due_ids(now: datetime, limit: int = 100) -> list[int]:
    """The escalations that are due, the longest due first."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT id FROM paging_escalation WHERE due_at <= %s ORDER BY due_at, id LIMIT %s", [now, limit])
        return [id for (id,) in cursor.fetchall()]


def next_due() -> datetime | None:
    """When the next escalation is due."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT min(due_at) FROM paging_escalation WHERE due_at IS NOT NULL")
        return cursor.fetchone()[0]


def take_due(id: int, now: datetime) -> bool:
    """Carry out one due escalation in the caller's transaction; False when another process has it or it is not due any more."""
    found = DUE.first(id, now)
    if found is None:
        return False
    escalation: Escalation = found[0]
    if escalation.track == operations_canary.KIND:
        operations_canary.step(escalation, now)
    elif escalation.status == Status.ACKNOWLEDGED:
        _again(escalation, now)
    else:
        advance(escalation, now)
    return True


def postpone(id: int, now: datetime, seconds: int = 5) -> None:
    """Something went wrong with this one: look again later, so that it does not stand in the way of others."""
    Escalation.objects.filter(pk=id, due_at__lte=now).update(due_at=now + timedelta(seconds=seconds))


def _again(escalation: Escalation, now: datetime) -> None:
    # The acknowledgement ran out: the next episode, with the policy as it is now.
    escalation.due_at, escalation.finished_at = None, now
    escalation.save(update_fields=["due_at", "finished_at"])
    who = escalation.acknowledged_by.name if escalation.acknowledged_by else "nobody"
    _tell(escalation, "acknowledgement_expired", f"The acknowledgement by {who} ran out; paging starts again.", now)
    showing.refresh(escalation.notifications.all(), now)
    policy, own = _policy_now(escalation), escalation.policy_track
    if own:
        escalation.reason = f"The acknowledgement by {who} ran out."
        if policy and policy.removed_at is None and own in policies.tracks(policy.plain):
            _start_track(escalation, snapshot(policy), own, now)
        return
    start(
        policy=policy, track=escalation.track, subject=escalation.subject, alert=escalation.alert,
        incident_id=escalation.incident_id, reason=f"The acknowledgement by {who} ran out.", urgency=escalation.urgency, now=now,
    )  # fmt: skip


def _policy_now(escalation: Escalation) -> EscalationPolicy | None:
    """Its policy as it is now; where that was removed meanwhile, the one that its service has now."""
    policy, alert = escalation.policy, escalation.alert
    if policy is None or policy.removed_at is None or alert is None or alert.service is None:
        return policy
    return alert.service.leadership_policy if escalation.track == "leadership" else alert.service.escalation_policy


def unreached(row: Notification, escalation: Escalation | None, now: datetime) -> None:
    """A person could not be reached by any method (R6): the next step at once where nobody else of this step can be, else the fallback."""
    text = f"{row.whom} could not be reached by any contact method." if row.user else f"{row.whom} could not be reached."
    if escalation is None:
        record("nobody_reached", text, by=SYSTEM, now=now, alert_id=row.alert_id, incident_id=row.incident_id, data={"user": row.user_id})
        alert = Alert.objects.select_related("service").filter(pk=row.alert_id).first() if row.alert_id else None
        team = alert.service.team_id if alert and alert.service else None
        identity = row.identity.rsplit(":u", 1)[0].removesuffix(":fallback")
        _fallback_people(identity, {"title": row.title, "team_id": team}, row, now)
        return
    _tell(escalation, "nobody_reached", text, now, user=row.user_id)
    place = IDENTITY_STEP.match(row.identity)
    if not place or escalation.status != Status.RUNNING or escalation.due_at is None:
        return
    step, round_ = int(place[1]), int(place[2])
    same_step = Notification.objects.filter(
        escalation=escalation, identity__startswith=f"esc:{escalation.id}:e{escalation.episode}:s{step}:r{round_}:"
    )
    policy = rules.Policy.from_plain(escalation.policy_snapshot)
    following = rules.advance(policy, rules.State(step, round_, now), now).state
    if once.group_is_live(list(same_step)) or (following.step, following.round) != (escalation.step, escalation.round):
        return
    escalation.due_at = now
    escalation.save(update_fields=["due_at"])
    due.wake(LOOP)


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
        _tell(escalation, "passed_on", f"{by.label} passed it on: the next step starts now.", now, by)
        if by.user:
            notifications.cancel(escalation.notifications.filter(user=by.user), f"passed on by {by.label}", now)
    due.wake(LOOP)
    return True


# -- ending ---------------------------------------------------------------------------------------------------------------


def acknowledge(
    *,
    alert_id: int | None = None,
    incident_id: int | None = None,
    by: Actor,
    now: datetime,
    expires_minutes: int | None = None,
    subject: dict[str, Any] | None = None,
) -> list[Escalation]:
    """ "I have it": end every unanswered escalation of that alert or incident, on every track, and cancel what is not yet sent (R8).

    Returns the escalations that this acknowledged, or in which it counts as one of several; empty when somebody already had it. What was
    never paged gets a row that says who has it. Call it inside the transaction of the verb.
    """
    rows = list(Escalation.objects.select_for_update(of=("self",)).filter(_of(alert_id, incident_id)).order_by("id"))
    if not rows:
        empty = {"policy_snapshot": snapshot(None), "subject": subject or {}, "started_at": now, "reason": NEVER_PAGED}
        rows = [Escalation(alert_id=alert_id, incident_id=incident_id, track="on_call", **empty)]
        statements.insert(rows)
        expires_minutes = None  # nobody was woken: there is nothing to begin again
    unanswered = [row for row in rows if row.status in (Status.RUNNING, Status.EXHAUSTED)]
    if not unanswered and all(row.status == Status.STOPPED for row in rows):
        unanswered, expires_minutes = rows[-1:], None  # paging was stopped, but nobody has said yet that they have it
    expires_at = now + timedelta(minutes=expires_minutes) if expires_minutes else None
    new = [row for row in unanswered if several.take_answer(row, by, now)]
    waiting = [row for row in unanswered if by.user and _waits_for_more(row, by, now, new=row in new)]
    taken = [row for row in unanswered if row not in waiting]
    for row in taken:
        row.status, row.acknowledged_at, row.acknowledged_by, row.acknowledged_via = Status.ACKNOWLEDGED, now, by.user, by.via
        row.ack_expires_at = row.due_at = expires_at
        row.finished_at = None if expires_at else now
        statements.update(row)
    notifications.cancel(Notification.objects.filter(escalation__in=taken), f"acknowledged by {by.label}", now)
    if by.user:
        own = Notification.objects.filter(
            notifications.of_subject(alert_id, incident_id), escalation=None, user=by.user, kind__in=notifications.PAGES
        )
        notifications.cancel(own, "this person has acknowledged", now)
    by_hand = notifications.of_subject(alert_id, incident_id) & Q(escalation=None)
    showing.refresh(Notification.objects.filter(Q(escalation__in=taken) | by_hand), now)
    return taken + [row for row in waiting if row in new]


def _waits_for_more(row: Escalation, by: Actor, now: datetime, *, new: bool) -> bool:
    """One of several has acknowledged: this person is left alone, the others are asked on."""
    more = several.waits_for(row)
    if more and new:
        own = Notification.objects.filter(escalation=row, user=by.user)
        notifications.cancel(own, f"acknowledged by {by.label}", now)
        showing.refresh(own, now)
        _tell(row, "acknowledged_partly", f"{by.label} has acknowledged; paging goes on until {more} has too.", now, by)
    return bool(more)


def expire_at(ids: Sequence[int], at: datetime, *, by: Actor, now: datetime) -> int:
    """These acknowledgements run out then, whatever the procedure says: paging starts again unless the alert has ended. How many."""
    rows = Escalation.objects.select_for_update(of=("self",)).filter(pk__in=ids, status=Status.ACKNOWLEDGED).exclude(reason=NEVER_PAGED)
    for row in (found := list(rows)):
        row.ack_expires_at = row.due_at = at
        row.finished_at = None
        row.save(update_fields=["ack_expires_at", "due_at", "finished_at"])
        if at > now:
            _tell(row, "snoozed", f"{by.label} has it until {at:%Y-%m-%d %H:%M} UTC; then paging starts again.", now, by)
    due.wake(LOOP)
    return len(found)


def give_back(ids: Sequence[int], *, by: Actor, now: datetime) -> int:
    """Take acknowledgements back at once: paging starts again, for so many; who took what was never paged does not have it any more."""
    never = Escalation.objects.filter(pk__in=ids, status=Status.ACKNOWLEDGED, reason=NEVER_PAGED)
    never.update(status=Status.STOPPED, finished_at=now, acknowledged_at=None, acknowledged_by=None, acknowledged_via="")
    return expire_at(ids, now, by=by, now=now)


def _of(alert_id: int | None, incident_id: int | None) -> Q:
    if incident_id is None and alert_id is None:
        raise ValueError("an escalation is about an alert or an incident")
    return Q(incident_id=incident_id) if incident_id else Q(alert_id=alert_id)


def stop(
    *, alert_id: int | None = None, incident_id: int | None = None, reason: str, by: Actor = SYSTEM, now: datetime
) -> list[Escalation]:
    """End paging because its subject is over. An alert's escalation that belongs to an incident goes on: the incident ends it."""
    about = _of(alert_id, incident_id) if incident_id else _of(alert_id, None) & Q(incident_id=None)
    rows = list(Escalation.objects.select_for_update(of=("self",)).filter(about).exclude(status=Status.STOPPED).order_by("id"))
    stopped = []
    for row in rows:
        if row.status == Status.RUNNING:
            row.status = Status.STOPPED
            stopped.append(row)
            _tell(row, "escalation_stopped", f"Paging stopped: {reason}.", now, by)
        if row.due_at is not None or row in stopped:
            row.due_at, row.finished_at = None, now
            statements.update(row, "status", "due_at", "finished_at")
    pages = Notification.objects.filter(Q(escalation__in=rows) | (notifications.of_subject(alert_id, incident_id) & Q(escalation=None)))
    notifications.cancel(pages.filter(kind__in=notifications.PAGES), reason, now)
    showing.refresh(pages, now)
    return stopped


def with_pages(alert_ids: Collection[int]) -> list[int]:
    """Those of these alerts about which a page, an escalation or its expiry could still go on."""
    ids = list(alert_ids)
    escalations = Escalation.objects.filter(alert_id__in=ids).exclude(status=Status.STOPPED).order_by()
    pages = Notification.objects.filter(alert_id__in=ids, escalation=None, state=Notification.State.PENDING).order_by()
    return sorted(escalations.values_list("alert_id", flat=True).union(pages.values_list("alert_id", flat=True)))  # type: ignore[type-var]


def attach(*, alert_ids: Sequence[int | None], incident_id: int, subject: dict[str, Any] | None = None, now: datetime) -> int:
    """These alerts now belong to that incident: their open escalations and pages do too. How many escalations."""
    rows = (
        Escalation.objects.select_for_update(of=("self",))
        .filter(alert_id__in=[id for id in alert_ids if id], incident_id=None)
        .exclude(status=Status.STOPPED)
    )
    for row in (found := list(rows)):
        row.incident_id = incident_id
        row.subject = {**row.subject, **(subject or {})}
        row.save(update_fields=["incident_id", "subject"])
    Notification.objects.filter(escalation__in=found).update(incident_id=incident_id)
    return len(found)


def retitle(*, alert_id: int | None = None, incident_id: int | None = None, subject: dict[str, Any], now: datetime) -> int:
    """The subject has other words now (title, severity): pages that have not gone out say the new ones. How many escalations changed."""
    rows = list(
        Escalation.objects.select_for_update(of=("self",)).filter(
            _of(alert_id, incident_id), status__in=(Status.RUNNING, Status.ACKNOWLEDGED)
        )
    )
    for row in rows:
        before, row.subject = row.subject, {**row.subject, **subject}
        row.save(update_fields=["subject"])
        if row.subject.get("severity") != before.get("severity"):
            _beside(row, now, stopped_only=True)
        if row.status == Status.RUNNING and low_urgency.raise_urgency(row, now):
            _tell(row, "urgency_raised", "It cannot wait any more: what was held for working hours goes out now.", now)
            due.wake(LOOP)
        for page in row.notifications.filter(state=Notification.State.PENDING).select_for_update():
            page.title, page.text = delivery.page_title(row.subject), delivery.page_text(row.subject, page.reason)
            page.save(update_fields=["title", "text"])
    return len(rows)


# -- without an escalation ------------------------------------------------------------------------------------------------


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
    return _fallback_people(identity, subject, absent, now)


def _fallback_people(identity: str, subject: dict[str, Any], row: Notification, now: datetime) -> list[Notification]:
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


def of_subject(*, alert_id: int | None = None, incident_id: int | None = None) -> QuerySet[Escalation]:
    """The escalations about an alert or an incident, newest first."""
    return Escalation.objects.filter(_of(alert_id, incident_id)).select_related("acknowledged_by", "policy").order_by("-id")
