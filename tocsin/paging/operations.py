"""How does an escalation start, and start again? Writes escalations. How it goes on and ends, notifications, policies and contact methods have files
of their own; what other rooms ask for is found here."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

from django.db import connection
from django.db.models import Q, QuerySet

from tocsin.accounts.actor import SYSTEM, Actor
from tocsin.alerts.models import Alert
from tocsin.domain import delivery
from tocsin.domain import escalation_policy as policies
from tocsin.lib import due, statements
from tocsin.paging import low_urgency, operations_canary, posts
from tocsin.paging import operations_shown as showing
from tocsin.paging.models import Escalation, EscalationPolicy, Notification
from tocsin.paging.operations_by_hand import fallback_people, notice, page_person
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
from tocsin.paging.operations_ending import (
    BY_HAND,
    NEVER_PAGED,
    acknowledge,
    expire_at,
    give_back,
    hold_back,
    locked_of,
    rows_about,
    severities_of,
    stop,
    with_calls,
    with_pages,
)
from tocsin.paging.operations_notifications import ALSO, shown
from tocsin.paging.operations_policies import change_policy, create_policy, policy_of, remove_policy
from tocsin.paging.operations_steps import LOOP, Status, advance, gone, hurry, snapshot, tell
from tocsin.timeline.models import Entry

__all__ = [
    "BY_HAND", "LOOP", "NEVER_PAGED", "acknowledge", "add_method", "add_rule", "advance", "attach", "change_method", "change_policy", "create_policy", "expire_at", "give_back",
    "gone", "hold_back", "hurry", "invitation", "locked_of", "notice", "page_person", "policy_of", "remove_method", "remove_policy", "remove_rule", "retitle", "send_code", "send_test",
    "set_quiet", "severities_of", "shown", "start", "stop", "verify", "with_calls", "with_pages",
]  # fmt: skip

DUE = statements.Read("SELECT {e} FROM paging_escalation e WHERE e.id = %s AND e.due_at <= %s FOR UPDATE SKIP LOCKED", e=Escalation)
OF_TRACK = statements.Read(
    "SELECT {e} FROM paging_escalation e WHERE (e.incident_id = %s OR (e.alert_id = %s AND (%s OR e.incident_id IS NULL))) AND e.track = %s"
    " ORDER BY e.id FOR UPDATE",
    e=Escalation,
)


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
    why_is_told: bool = False,
    by: Actor = SYSTEM,
    now: datetime,
) -> Escalation:
    """Start a policy on a snapshot of it and page its first step, in the caller's transaction. The running one of that subject and track,
    if there is one, is returned as it is. Without a policy the fallback people are paged (R6). `since`: when it should have started.
    `urgency`: as the policy says, unless it is given. `begins`: its subject is made in this transaction and was not paged about yet. `why_is_told`: the record says the reason already."""
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
        tell(
            escalation,
            "recorded_only",
            f"Nobody is paged: policy {usable and usable.name} only records {subject.get('severity')}.",
            now,
            by,
        )
        return escalation
    name = f"policy {usable.name}" if usable else "no escalation policy: the fallback people are next"
    because = f" {reason}" if reason and not why_is_told else ""
    tell(escalation, "escalation_started", f"Paging started ({track.replace('_', ' ')}, {name}).{because}", now, by)
    advance(escalation, now)
    _beside(escalation, now, by, since=since)
    return escalation


def _runs(track: str, own: str, alert_id: int | None, incident_id: int | None) -> list[Escalation]:
    """The escalations about that subject on that track, of one of the policy's own tracks, oldest first and locked."""
    return [row for (row,) in OF_TRACK.all(incident_id, alert_id, incident_id is None, track) if row.policy_track == own]


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
        subject=like.subject, reason=like.reason, urgency=low_urgency.urgency_now(like), episode=len(before) + 1, started_at=now, due_at=min(since or now, now),
    )  # fmt: skip
    statements.insert([escalation])
    tell(escalation, "escalation_started", f"Paging started beside it (policy {policy['name']}, track {own}).", now, by)
    advance(escalation, now)


def due_now(now: datetime, limit: int = 100) -> list[tuple[int, bool]]:
    """The escalations (ids) that are due, the longest due first, and whether they begin anew because an acknowledgement ran out."""
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT id, status = 'acknowledged' FROM paging_escalation WHERE due_at <= %s ORDER BY due_at, id LIMIT %s", [now, limit]
        )
        return cursor.fetchall()


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


def page_fallback_of(id: int, why: str, now: datetime) -> None:
    """An escalation cannot go on: its team's fallback person is paged, called again the organisation's, and its record says why."""
    run = Escalation.objects.get(pk=id)
    tell(run, "gap", f"{why[:1].upper()}{why[1:]}.", now)
    row = Notification(
        kind="fallback", target={"name": "whoever its next step names"}, title=delivery.page_title(run.subject), reason=why,
        alert_id=run.alert_id, incident_id=run.incident_id,
    )  # fmt: skip
    fallback_people(f"broken:{id}", run.subject, row, now)


def _again(escalation: Escalation, now: datetime) -> None:
    # The acknowledgement ran out: the next episode, with the policy as it is now.
    escalation.due_at, escalation.finished_at = None, now
    escalation.save(update_fields=["due_at", "finished_at"])
    policy, own = _policy_now(escalation), escalation.policy_track
    if _runs(escalation.track, own, escalation.alert_id, escalation.incident_id)[-1].pk != escalation.pk:
        return  # it began anew meanwhile: whoever has that has it
    why, said = _why_again(escalation)
    held = _held_back(escalation)
    if held:  # it is paged for when that ends, as nobody has it any more
        escalation.status = Status.STOPPED
        escalation.save(update_fields=["status"])
    then = f"nobody is paged while it is held back by {held}" if held else "paging starts again"
    if held or not said:
        tell(escalation, "acknowledgement_expired", f"{why}; {then}.", now, expired_at=_instant(escalation.ack_expires_at))
    showing.refresh(escalation.notifications.all(), now)
    if held:
        return
    if own:
        escalation.reason = why
        if policy and policy.removed_at is None and own in policies.tracks(policy.plain):
            _start_track(escalation, snapshot(policy), own, now)
        return
    start(
        policy=policy, track=escalation.track, subject=escalation.subject, alert=escalation.alert,
        incident_id=escalation.incident_id, reason=why, now=now,
        urgency="high" if escalation.urgency == "high" else "", why_is_told=True,
    )  # fmt: skip


def _why_again(escalation: Escalation) -> tuple[str, bool]:
    """Why paging starts again, and whether the record says that already: it was taken back, or ran out on another track."""
    about = {"incident_id": escalation.incident_id} if escalation.incident_id else {"alert_id": escalation.alert_id}
    entries, at, who = Entry.objects.filter(**about), escalation.ack_expires_at, escalation.acknowledged_by
    taken = entries.filter(kind__in=("unacknowledged", "undone", "asked"), at=at).order_by("id").first() if at else None
    if taken and taken.kind != "asked":  # "Ana took the acknowledgement back: paging starts again"
        return taken.text.rpartition(": ")[0] or taken.text, True
    left = f"{who.name}, who had it, has left" if who and who.removed_at else ""
    ran_out = "Nobody took it over" if taken else f"The acknowledgement by {who.name if who else 'nobody'} ran out"
    return left or ran_out, entries.filter(kind="acknowledgement_expired", data__expired_at=_instant(at)).exists()


def _instant(at: datetime | None) -> str:
    return at.astimezone(UTC).isoformat() if at else ""


def _held_back(escalation: Escalation) -> str:
    """What holds back everything that still fires of its cause; empty where something does fire that pages, or an incident has it."""
    if escalation.incident_id or escalation.alert_id is None:
        return ""
    about = Q(pk=escalation.alert_id) | Q(lead=escalation.alert_id)
    held = list(Alert.objects.filter(about, status=Alert.Status.FIRING).order_by("id").values_list("suppressed_by", flat=True))
    return held[0] if held and all(held) else ""


def _policy_now(escalation: Escalation) -> EscalationPolicy | None:
    """Its policy as it is now; where that was removed meanwhile, the one that its service has now."""
    policy, alert = escalation.policy, escalation.alert
    if policy is None or policy.removed_at is None or alert is None or alert.service is None:
        return policy
    return alert.service.leadership_policy if escalation.track == "leadership" else alert.service.escalation_policy


def attach(*, alert_ids: Sequence[int | None], incident_id: int, subject: dict[str, Any] | None = None, now: datetime) -> int:
    """These alerts now belong to that incident: their open escalations and pages do too. How many escalations."""
    rows = (
        Escalation.objects.select_for_update(of=("self",))
        .filter(alert_id__in=[id for id in alert_ids if id], incident_id=None)
        .exclude(status=Status.STOPPED)
        .order_by("id")
    )
    for row in (found := list(rows)):
        row.incident_id = incident_id
        row.save(update_fields=["incident_id"])
    Notification.objects.filter(escalation__in=found).update(incident_id=incident_id)
    for row in found:
        _reword(row, subject or {}, now)
    return len(found)


def retitle(*, alert_id: int | None = None, incident_id: int | None = None, subject: dict[str, Any], now: datetime) -> int:
    """The subject has other words now (title, severity): pages that have not gone out say the new ones. How many escalations changed.
    An alert's escalation that belongs to an incident has the words of the incident."""
    about = rows_about(alert_id, incident_id) if incident_id else rows_about(alert_id, None) & Q(incident_id=None)
    open_ = Escalation.objects.select_for_update(of=("self",)).filter(about, status__in=(Status.RUNNING, Status.ACKNOWLEDGED))
    rows = list(open_.order_by("id"))
    for row in rows:
        _reword(row, subject, now)
    return len(rows)


def _reword(row: Escalation, subject: dict[str, Any], now: datetime) -> None:
    # What this locked escalation is about has these words now; a worse severity may not be one that can wait.
    before, row.subject = row.subject, {**row.subject, **subject}
    row.save(update_fields=["subject"])
    if row.status == Status.RUNNING and low_urgency.raise_urgency(row, now):
        tell(row, "urgency_raised", "It cannot wait any more: what was held for working hours goes out now.", now)
        due.wake(LOOP)
    if row.subject.get("severity") != before.get("severity"):
        _beside(row, now, stopped_only=True)
    for page in row.notifications.filter(state=Notification.State.PENDING).select_for_update():
        if page.target:
            words = posts.said(row.subject, page.reason)
        else:
            _, also, others = page.text.partition(ALSO) if page.merged_count else ("", "", "")  # what it stands for stays said
            text = f"{delivery.page_text(row.subject, page.reason)}{also}{others}"
            words = {"title": delivery.page_title(row.subject), "text": text[:4000]}
        for name, value in words.items():
            setattr(page, name, value)
        page.save(update_fields=list(words))


def of_subject(*, alert_id: int | None = None, incident_id: int | None = None) -> QuerySet[Escalation]:
    """The escalations about an alert or an incident, newest first."""
    return Escalation.objects.filter(rows_about(alert_id, incident_id)).select_related("acknowledged_by", "policy").order_by("-id")
