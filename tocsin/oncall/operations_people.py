"""How are time off and requests to take a shift stored? With `operations` the only files that write this room's tables."""

from __future__ import annotations

from datetime import datetime, timedelta

from django.db import transaction

from tocsin.accounts.actor import Actor
from tocsin.accounts.audit import audit
from tocsin.accounts.models import User
from tocsin.domain import swaps
from tocsin.domain.rotation import Span
from tocsin.lib.refusal import Refused, invalid, missing
from tocsin.oncall import queries
from tocsin.oncall.changed import changed, changed_for
from tocsin.oncall.models import Override, Readiness, Schedule, ShiftRequest, TimeOff

LONGEST_TIME_OFF = timedelta(days=366)
MOST_OPEN_REQUESTS = 50  # of one person
TAKE_HORIZON = timedelta(days=35)
State = ShiftRequest.State


@transaction.atomic
def add_time_off(user: User, *, starts_at: datetime, ends_at: datetime, reason: str = "", by: Actor, now: datetime) -> TimeOff:
    """That person is away for that span. Raises Refused naming each field that cannot be."""
    _span(starts_at, ends_at, now, "Time off", LONGEST_TIME_OFF)
    row = TimeOff.objects.create(user=user, starts_at=starts_at, ends_at=ends_at, reason=reason.strip()[:200], created_by=by.user)
    audit("time_off.added", "user", user.pk, f"{user.name} is away from {starts_at:%Y-%m-%d %H:%M} UTC", by=by, now=now)
    changed_for([user.pk], now)
    return row


@transaction.atomic
def remove_time_off(row: TimeOff, *, by: Actor, now: datetime) -> None:
    """They are there after all."""
    TimeOff.objects.filter(pk=row.pk, removed_at=None).update(removed_at=now)
    audit("time_off.removed", "user", row.user_id, "Time off taken back", by=by, now=now)
    changed_for([row.user_id], now)


@transaction.atomic
def take_now(schedule: Schedule, user: User, *, until: datetime | None = None, by: Actor, now: datetime) -> Override:
    """That person takes the present shift at once, until it ends (or `until`, at most 35 days). Refused where they hold it already."""
    schedule = Schedule.objects.select_for_update().get(pk=schedule.pk)
    made = swaps.take(queries.value(schedule, since=now, until=now + TAKE_HORIZON), user.pk, now, now + TAKE_HORIZON)
    if made is None:
        raise Refused(f"{user.name} is on call there already.", status=409, code="on_call_already")
    if until is not None:
        _span(now, until, now, "A shift that is taken", TAKE_HORIZON)
    row = Override.objects.create(
        schedule=schedule, user=user, starts_at=now, ends_at=until or made.ends_at, reason="taken by hand", created_by=by.user
    )
    audit("shift.taken", "schedule", schedule.pk, f"{user.name} took the shift of {schedule.name}", by=by, now=now)
    changed(schedule.pk, now)
    return row


@transaction.atomic
def ask(
    schedule: Schedule, *, asker: User, starts_at: datetime, ends_at: datetime, of: User | None = None,
    back: tuple[datetime, datetime] | None = None, reason: str = "", by: Actor, now: datetime,
) -> ShiftRequest:  # fmt: skip
    """Ask that a span of one's shift be taken; `back` is what the other gives in return. Raises Refused where it cannot be."""
    _span(starts_at, ends_at, now, "A request", TAKE_HORIZON)
    if back is not None:
        if of is None:
            raise invalid(of="A swap is asked of one person; cover is asked of the whole team, without a span in return.")
        _span(*back, now, "A request", TAKE_HORIZON, field="return_ends_at")
    if ShiftRequest.objects.filter(asked_by=asker, state=State.ASKED).count() >= MOST_OPEN_REQUESTS:
        raise Refused(f"{asker.name} has {MOST_OPEN_REQUESTS} open requests; withdraw one first.", status=409, code="too_many")
    taker = of.pk if of else 0
    judged = swaps.swap(
        _value(schedule, starts_at, ends_at, back), asker.pk, taker, Span(starts_at, ends_at), Span(*back) if back else None
    )
    if isinstance(judged, str):
        raise Refused(judged, errors={"starts_at": judged}, code="not_held")
    row = ShiftRequest.objects.create(
        schedule=schedule, asked_by=asker, asked_of=of, starts_at=starts_at, ends_at=ends_at, reason=reason.strip()[:500], created_at=now,
        return_starts_at=back[0] if back else None, return_ends_at=back[1] if back else None,
    )  # fmt: skip
    changed(schedule.pk, now, *([f"person:{of.pk}"] if of else []))
    return row


@transaction.atomic
def accept(request: ShiftRequest, *, user: User, by: Actor, now: datetime) -> list[Override]:
    """That person takes it: the overrides are made if both still hold what is given. Refused (409) where it was answered or is too late."""
    row = _open(request, now)
    if row.asked_of_id not in (None, user.pk):
        raise missing("request")
    back = (row.return_starts_at, row.return_ends_at) if row.return_starts_at and row.return_ends_at else None
    begin = max(row.starts_at, now)
    made = swaps.swap(
        _value(row.schedule, begin, row.ends_at, back), row.asked_by_id, user.pk, Span(begin, row.ends_at), Span(*back) if back else None
    )
    if isinstance(made, str):
        raise Refused(made, status=409, code="not_held")
    overrides = [
        Override.objects.create(
            schedule=row.schedule, user_id=one.user, starts_at=one.starts_at, ends_at=one.ends_at, reason=f"request {row.pk}: {row.reason}"[:500],
            created_by=by.user,
        )
        for one in made
    ]  # fmt: skip
    _answer(row, State.ACCEPTED, user, "", now)
    audit("shift.swapped", "schedule", row.schedule_id, f"{user.name} takes a shift of {row.asked_by.name}", by=by, now=now, request=row.pk)
    return overrides


@transaction.atomic
def decline(request: ShiftRequest, *, user: User, answer: str = "", by: Actor, now: datetime) -> ShiftRequest:
    """The one who was asked says no. What was asked of the team stays open for the others."""
    row = _open(request, now)
    if row.asked_of_id != user.pk:
        raise missing("request")
    return _answer(row, State.DECLINED, user, answer, now)


@transaction.atomic
def withdraw(request: ShiftRequest, *, by: Actor, now: datetime) -> ShiftRequest:
    """Who asked needs it no more."""
    return _answer(_open(request, now), State.WITHDRAWN, by.user, "", now)


@transaction.atomic
def end(request: ShiftRequest, why: str, *, now: datetime) -> None:
    """A request comes to nothing, by nobody's answer: it says why."""
    row = ShiftRequest.objects.select_for_update(of=("self",)).get(pk=request.pk)
    if row.state == State.ASKED:
        _answer(row, State.WITHDRAWN, None, why, now)


@transaction.atomic
def expire_requests(now: datetime) -> list[ShiftRequest]:
    """Requests whose span is over without a yes; they are answered as expired."""
    rows = list(ShiftRequest.objects.select_for_update(skip_locked=True, of=("self",)).filter(state=State.ASKED, ends_at__lte=now)[:200])
    return [_answer(row, State.EXPIRED, None, "", now) for row in rows]


def _open(request: ShiftRequest, now: datetime) -> ShiftRequest:
    row = ShiftRequest.objects.select_for_update(of=("self",)).select_related("schedule", "asked_by").get(pk=request.pk)
    if row.state != State.ASKED:
        raise Refused(f"This request was {row.state} already.", status=409, code="answered")
    if row.ends_at <= now:
        raise Refused("The span of this request is over.", status=409, code="over")
    return row


def _answer(row: ShiftRequest, state: str, user: User | None, answer: str, now: datetime) -> ShiftRequest:
    row.state, row.answered_by, row.answer, row.answered_at = state, user, answer.strip()[:500], now
    row.save(update_fields=["state", "answered_by", "answer", "answered_at"])
    changed(row.schedule_id, now, f"person:{row.asked_by_id}")
    return row


def _value(schedule: Schedule, start: datetime, end: datetime, back: tuple[datetime, datetime] | None) -> swaps.Schedule:
    edges = [start, end, *(back or ())]
    return queries.value(schedule, since=min(edges), until=max(edges))


def _span(start: datetime, end: datetime, now: datetime, what: str, longest: timedelta, *, field: str = "ends_at") -> None:
    if start.tzinfo is None or end.tzinfo is None:
        raise invalid(**{field: "Give both times with their zone, for example 2026-11-23T20:00:00Z."})
    if end <= start:
        raise invalid(**{field: "The end must lie after the start."})
    if end <= now:
        raise invalid(**{field: f"{what} must end in the future."})
    if end - start > longest:
        raise invalid(**{field: f"{what} lasts at most {longest.days} days."})


@transaction.atomic
def is_ready(user: User, *, now: datetime) -> None:
    """That person acknowledged a test page."""
    row, _ = Readiness.objects.get_or_create(user=user)
    if row.acknowledged_at is None:
        row.acknowledged_at = now
        row.save(update_fields=["acknowledged_at"])
    changed_for([user.pk], now)


@transaction.atomic
def excuse(user: User, *, reason: str, by: Actor, now: datetime) -> None:
    """That person may hold the pager without having acknowledged a test page. Raises Refused without a reason."""
    reason = reason.strip()
    if not reason or len(reason) > 500:
        raise invalid(reason="Say in 1 to 500 characters why they may start without a test page.")
    row, _ = Readiness.objects.get_or_create(user=user)
    row.excused_by, row.excused_at, row.reason = by.user, now, reason
    row.save(update_fields=["excused_by", "excused_at", "reason"])
    audit("person.excused", "user", user.pk, f"{user.name} may start without a test page: {reason}"[:1000], by=by, now=now)
    changed_for([user.pk], now)
