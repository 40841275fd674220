"""What will happen when somebody acts on many alerts, and how is it carried out, piece by piece, and taken back?"""

from __future__ import annotations

import hashlib
import json
import logging
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from django.db import transaction

from tocsin import clock
from tocsin.accounts.actor import Actor
from tocsin.alerts import operations_bulk, operations_quiet, operations_silences, queries
from tocsin.alerts.models import Alert, BulkAction
from tocsin.lib.due import Loop
from tocsin.lib.refusal import Refused, invalid
from tocsin.obligations import operations as obligations
from tocsin.obligations.models import Obligation
from tocsin.paging import operations as paging
from tocsin.paging.models import Escalation
from tocsin.procedures import operations as procedures
from tocsin.response import alert_effects, causes, frame
from tocsin.response.acknowledge import acknowledge_alert
from tocsin.response.resolve_alert import resolve_alert
from tocsin.timeline.operations import announce, record

log = logging.getLogger(__name__)
ACTIONS = {
    "acknowledge": "Acknowledge", "snooze": "Snooze (acknowledge for a time)", "resolve": "Resolve", "useful": "Mark as useful", "noise": "Mark as noise",
}  # fmt: skip
MOST_ALERTS = 10_000
MOST_AT_ONCE = 200  # more are carried out by the worker
MOST_UNTYPED = 100  # more must be confirmed by typing their number
SHORTEST_SNOOZE, LONGEST_SNOOZE = 5, 10_080  # minutes
PIECE = 50
SAME_WITHIN = timedelta(minutes=1)
UNDO_LIMIT = timedelta(seconds=30)  # the page offers it for 10 s; the rest is for slow hands and lines
_RUNS = (Escalation.Status.RUNNING, Escalation.Status.EXHAUSTED)


@dataclass(frozen=True, slots=True)
class Plan:
    """What an act would do: to so many of the alerts, in sentences. `typed` must be confirmed by typing the number of alerts."""

    action: str
    alert_ids: tuple[int, ...]
    changes: int
    sentences: tuple[str, ...]
    typed: bool
    minutes: int | None = None


def plan(*, action: str, alert_ids: Sequence[int], minutes: int | None = None, by: Actor, now: datetime) -> Plan:
    """Say what would happen; nothing is changed. Raises Refused naming what cannot be."""
    frame.require_responder(by)
    ids = list(dict.fromkeys(alert_ids))
    if action not in ACTIONS:
        raise invalid(action=f"It is one of {', '.join(ACTIONS)}.")
    if not ids:
        raise invalid(alerts="Select at least one alert.")
    if len(ids) > MOST_ALERTS:
        raise invalid(alerts=f"At most {MOST_ALERTS:,} alerts at once; narrow the filters.")
    if action == "snooze" and not (minutes and SHORTEST_SNOOZE <= minutes <= LONGEST_SNOOZE):
        raise invalid(minutes=f"For how many minutes: {SHORTEST_SNOOZE} to {LONGEST_SNOOZE:,}.")
    found = Alert.objects.filter(pk__in=ids)
    known, firing = found.count(), found.filter(status=Alert.Status.FIRING).count()
    runs = Escalation.objects.filter(alert__in=found)
    paging_now = runs.filter(status__in=_RUNS).values("alert_id").distinct().count()
    owed = Obligation.objects.filter(kind="acknowledge", state=Obligation.State.OPEN, alert_id__in=ids).values("alert_id")
    had = runs.filter(status=Escalation.Status.ACKNOWLEDGED).values("alert_id")
    takes = known - found.filter(pk__in=had).exclude(pk__in=owed).exclude(pk__in=runs.filter(status__in=_RUNS).values("alert_id")).count()
    said: list[str] = []
    if action in ("acknowledge", "snooze"):
        changes = takes
        said.append(
            f"{_alerts(takes)} will be yours; {_pages(paging_now)}." if takes else "Somebody has them all already; nothing changes."
        )
        if known > takes > 0:
            said.append(f"{_alerts(known - takes)} stay as they are: somebody has them.")
        again = now + timedelta(minutes=minutes) if action == "snooze" and minutes else None
        if again:
            said.append(f"{paging_now:,} will page again at {again:%Y-%m-%d %H:%M} UTC if they still fire.")
        elif expiring := _expiring(found):
            said.append(f"Up to {expiring:,} will page again when the acknowledgement runs out, as the procedure says for their severity.")
    elif action == "resolve":
        changes = firing
        said.append(f"{_alerts(firing)} will be resolved; {_pages(paging_now)}.")
        if known > firing:
            said.append(f"{_alerts(known - firing)} are resolved already.")
        said.append("What a source reports again is a new alert and pages again.")
    else:
        changes = known
        said.append(f"{_alerts(known)} will be marked as {'useful' if action == 'useful' else 'noise'} by you. Nothing else changes.")
    if len(ids) > known:
        said.append(f"{len(ids) - known:,} are not there any more.")
    if len(ids) > MOST_AT_ONCE:
        said.append("It is carried out in the background; you see how far it is.")
    return Plan(action, tuple(ids), changes, tuple(said), len(ids) > MOST_UNTYPED, minutes if action == "snooze" else None)


def _alerts(number: int) -> str:
    return f"{number:,} alert{'' if number == 1 else 's'}"


def _pages(number: int) -> str:
    return f"paging for {number:,} of them stops" if number else "nobody is being paged for them"


def _expiring(found) -> int:  # type: ignore[no-untyped-def]
    document = procedures.ask_in_force()
    expire = [one.id for one in document.severities if one.acknowledgement_expires_minutes]
    return found.filter(severity__in=expire, escalations__status__in=_RUNS).distinct().count() if expire else 0


def carry_out(planned: Plan, *, key: str, typed: str = "", about: str = "", by: Actor, now: datetime) -> BulkAction:
    """Do what was planned: at once up to MOST_AT_ONCE alerts, else by the worker. The same `key` again is the same act."""
    frame.require_responder(by)
    if before := BulkAction.objects.filter(key=key).first():
        return before
    if planned.typed and typed.replace(",", "").strip() != str(len(planned.alert_ids)):
        raise invalid(typed=f"Type {len(planned.alert_ids)} to confirm that so many alerts are meant.")
    row, _ = operations_bulk.begin(
        key=key, action=planned.action, minutes=planned.minutes, about=about, alert_ids=planned.alert_ids, by=by, now=now
    )
    while len(planned.alert_ids) <= MOST_AT_ONCE and row.finished_at is None:
        with transaction.atomic():
            row = operations_bulk.locked(row.pk)
            if row.finished_at is None:
                _piece(row, now)
    return row


def _piece(row: BulkAction, now: datetime) -> None:
    """The next alerts of an act: each in a transaction of its own, so that one that fails leaves the others done."""
    by = Actor.of(row.by, row.via) if row.by else Actor(None, row.by_label, row.via)
    ids = row.alert_ids[row.position : row.position + PIECE]
    alerts = Alert.objects.in_bulk(ids)
    changed = []
    for number in ids:
        try:
            if (alert := alerts.get(number)) and _one(row, alert, by, now):
                changed.append(number)
        except Refused as refused:  # it is what was wanted already, or may not be: the others go on
            log.info("alert %d is left out of act %d: %s", number, row.pk, refused.detail)
    operations_bulk.took(row, changed, len(ids), now)
    announce("alerts")


def _one(row: BulkAction, alert: Alert, by: Actor, now: datetime) -> bool:
    if row.action in ("useful", "noise"):
        operations_quiet.say_useful(alert, row.action == "useful", by=by, now=now)
        return True
    if row.action == "resolve":
        resolve_alert(alert=alert, by=by, now=now)
        return True
    answer = acknowledge_alert(alert=alert, by=by, now=now)
    if answer.taken and row.minutes:
        paging.expire_at([run.pk for run in answer.escalations], now + timedelta(minutes=row.minutes), by=by, now=now)
    return answer.taken


def undo(row: BulkAction, *, by: Actor, now: datetime) -> int:
    """Take an acknowledgement, snooze or resolution back within UNDO_LIMIT; how many alerts page or fire again."""
    frame.require_responder(by)
    if row.action not in ("acknowledge", "snooze", "resolve"):
        raise Refused("This can be changed alert by alert, but not taken back.", status=409)
    if row.undone_at:
        return 0
    if now - row.created_at > UNDO_LIMIT or (by.user and row.by_id not in (None, by.user.pk)):
        raise Refused("Only who did it can take it back, and only at once.", status=409, code="too_late")
    with transaction.atomic():
        if row.action == "resolve":
            queries.hold_folding()  # no silence ends unseen while what fires again is judged by it
        row = BulkAction.objects.select_for_update(of=("self",)).get(pk=row.pk)
        back = 0
        procedure, directory = procedures.ask_in_force(), queries.directory(now)
        for alert in Alert.objects.filter(pk__in=row.changed_ids).select_related("service", "integration", "lead"):
            if row.action == "resolve":
                if not operations_bulk.fire_again(alert):
                    continue
                alert.refresh_from_db(fields=["status", "resolved_at"])
                operations_silences.judge_again(alert, directory, procedure, now)
                record("undone", f"{by.label} took the resolution back: it fires again", by=by, now=now, alert_id=alert.pk, key=True)
                if not alert.suppressed_by:
                    causes.settle_stored([alert], procedure, now)
                    alert_effects.released(alert, procedure, now=now)
            else:
                lead = causes.lead_of(alert)  # that one was acknowledged with all of its cause
                mine = Escalation.objects.filter(alert=lead, status=Escalation.Status.ACKNOWLEDGED, acknowledged_at__gte=row.created_at)
                again = paging.give_back([run.pk for run in mine], by=by, now=now)
                said = "paging starts again" if again else "somebody must take it"
                record("undone", f"{by.label} took the acknowledgement back: {said}", by=by, now=now, alert_id=alert.pk, key=True)
                _owe_again(lead, row, by, now)
            back += 1
        operations_bulk.undone(row, now)
        announce("alerts", "board")
        return back


def _owe_again(alert: Alert, row: BulkAction, by: Actor, now: datetime) -> None:
    """What the acknowledgement kept is open again, as if it had not been; its clock never stopped."""
    kept = Obligation.objects.select_for_update().filter(
        kind="acknowledge", alert_id=alert.pk, state__in=(Obligation.State.MET, Obligation.State.LATE), stopped_at__gte=row.created_at
    )
    for promise in kept:
        obligations.reopen(promise)
        text = f"The promise to acknowledge is open again: {by.label} took the acknowledgement back"
        record("undone", text, by=by, now=now, alert_id=alert.pk, data={"obligation": promise.pk})


def same_act(*, key: str, action: str, minutes: int | None, selection: object, by: Actor, now: datetime) -> str:
    """The key of an act that came without one: the same act on the same selection by the same actor within a minute is one act.

    `key` is the sender's own (an Idempotency-Key), empty where there is none; `selection` is what they named, as JSON has it.
    """
    who = f"user:{by.user.pk}" if by.user else by.label
    said = json.dumps([who, key, action, minutes, selection], sort_keys=True, default=str)
    base = "auto-" + hashlib.sha256(said.encode()).hexdigest()[:40]
    latest = BulkAction.objects.filter(key__startswith=base).order_by("-id").first()
    if latest and latest.undone_at is None and (key or now - latest.created_at < SAME_WITHIN):
        return latest.key
    return f"{base}-{latest.pk}" if latest else base


def take() -> int:
    """The next piece of the oldest act that waits; how many alerts were looked at."""
    with transaction.atomic():
        row = operations_bulk.waiting()
        if row is None:
            return 0
        before = row.position
        _piece(row, clock.now())
        return max(1, row.position - before)


def _next_due() -> datetime | None:
    return BulkAction.objects.filter(finished_at=None).order_by("id").values_list("created_at", flat=True).first()


LOOP = Loop(operations_bulk.LOOP_NAME, take, _next_due)
