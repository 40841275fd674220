"""Who hears ahead of time about a shift, and about what is wrong with a schedule? Each word once; a row says what is still to be said."""

from __future__ import annotations

import hashlib
from collections import Counter
from collections.abc import Collection
from datetime import datetime, timedelta

from django.conf import settings
from django.db import transaction
from django.db.models import Min

from tocsin import clock
from tocsin.accounts.models import Role, User
from tocsin.domain import ahead as rules
from tocsin.domain import notices
from tocsin.domain.ahead import Trouble
from tocsin.domain.final_schedule import shifts
from tocsin.domain.notices import Next, Word
from tocsin.domain.rotation import Shift
from tocsin.lib.due import Loop
from tocsin.oncall import operations_watch as watch
from tocsin.oncall import queries
from tocsin.oncall.changed import LOOP_NAME
from tocsin.oncall.models import NextShift, Schedule, ShiftNotice
from tocsin.paging import operations as paging
from tocsin.response import ahead

BACK = timedelta(days=35)  # a shift that began earlier counts as having begun then
AHEAD = timedelta(days=60)
WRITTEN = timedelta(hours=26)  # words are written down so long before they are due, so that an outage of a day loses none
MOST_LINES = 20  # of troubles in one message
MOST_LEADS = 50


def take() -> int:
    """Say what is due, else look at one schedule; how much was done."""
    with transaction.atomic():
        now = clock.now()
        notice = watch.take_notice(now)
        if notice is not None:
            watch.settle(notice, _say(notice, now), now)
            return 1
        schedule = watch.take_watch(now)
        if schedule is not None:
            _look(schedule, now)
        return 1 if schedule is not None else 0


def _look(schedule: Schedule, now: datetime) -> None:
    """Write down what is to be said, tell whose next shift moved, warn of what is wrong."""
    held, edge = _held(schedule, now), now + AHEAD
    _moved(schedule, held, now, known=())
    watch.plan(schedule, notices.owed(held, now, now + WRITTEN, edge))
    found = ahead.of(schedule, now)
    fresh = watch.new_warnings(schedule, found, now)
    if fresh:
        _warn(schedule, fresh, now)
    watch.looked(schedule, dict(Counter(str(one.kind) for one in found)), now)


def known_to(people: Collection[User], schedule: Schedule, now: datetime) -> None:
    """These people know already how their next shift moved, by their own doing or by a word about it: the watch does not say so again.
    Everybody else whose shift moved hears of it at once."""
    watched = Schedule.objects.filter(pk=schedule.pk, watched=True).first()  # as it is now, whatever the caller holds
    if watched is not None:
        _moved(watched, _held(watched, now), now, known={one.pk for one in people})


def _held(schedule: Schedule, now: datetime) -> list[Shift]:
    value = queries.value(schedule, since=now - BACK, until=now + AHEAD)
    return notices.holdings(shifts(value, now - BACK, now + AHEAD))


def _moved(schedule: Schedule, held: list[Shift], now: datetime, *, known: Collection[int]) -> None:
    for row, before in watch.note_next(schedule, notices.next_shifts(held, now, now + AHEAD), now):
        if row.user_id not in known:
            _tell_moved(schedule, row, before, now)


def _say(notice: ShiftNotice, now: datetime) -> str:
    """Say one word if it is still true; what became of it."""
    user, schedule = notice.user, notice.schedule
    if user is None or not user.is_active or user.removed_at or schedule.removed_at:
        return "overtaken"
    after = queries.who(schedule, notice.ends_at) if notice.word == Word.OVER else None
    value = queries.value(schedule, since=notice.starts_at - timedelta(hours=1), until=notice.ends_at + timedelta(hours=1))
    held = notices.holdings(shifts(value, notice.starts_at - timedelta(minutes=1), notice.ends_at + timedelta(minutes=1)))
    mine = [one for one in held if one.user == user.pk]
    if notice.word == Word.OVER:
        if (after and after.user == user.pk) or not any(one.ends_at == notice.ends_at for one in mine):
            return "overtaken"
        title = f"Your shift of {schedule.name} is over"
        who = queries.names([after.user]).get(after.user, "somebody") if after else "Nobody"
        text = f"{who} is on call there now. Thank you."
    else:
        if notice.starts_at <= now or not any(one.starts_at == notice.starts_at for one in mine):
            return "overtaken"
        title = f"Your shift of {schedule.name} starts in {_length(notice.starts_at - now)}"
        text = f"{_span(schedule, notice.starts_at, notice.ends_at)}."
        if user.pk in ahead.unready({user.pk}):
            text += f"\nYou have not acknowledged a test page yet. Do it before: {settings.TOCSIN_URL}/people/{user.pk}/"
    sent = paging.notice(user, title=title, text=f"{text}\n{_address(schedule)}", identity=f"shift-word:{notice.pk}", now=now)
    return "told" if sent else "nobody"


def _tell_moved(schedule: Schedule, row: NextShift, before: Next | None, now: datetime) -> None:
    then = _span(schedule, row.starts_at, row.ends_at) if row.starts_at else "none within two months"
    if before and before.starts_at:
        title, text = (
            f"Your next shift of {schedule.name} moved",
            f"Before: {_span(schedule, before.starts_at, before.ends_at)}.\nNow: {then}.",
        )
    else:
        title, text = f"You have a shift of {schedule.name}", f"{then}."
    paging.notice(row.user, title=title, text=f"{text}\n{_address(schedule)}", identity=f"shift-moved:{row.pk}:{row.moves}", now=now)


def _warn(schedule: Schedule, fresh: list[tuple[Trouble, int]], now: datetime) -> None:
    """One message to each who leads, with everything that is new."""
    names = queries.names({one.user for one, _ in fresh if one.user})
    lines = [
        f"{rules.words(one, names.get(one.user or 0, 'somebody'))}: {_span(schedule, one.starts_at, one.ends_at)}."
        for one, _ in fresh[:MOST_LINES]
    ]
    if len(fresh) > MOST_LINES:
        lines.append(f"And {len(fresh) - MOST_LINES} more.")
    nearest = min(days for _, days in fresh)
    title = f"{schedule.name}: trouble within {nearest} day{'s' if nearest > 1 else ''}"
    marks = ",".join(f"{one.kind}:{one.user}:{one.starts_at.timestamp()}:{days}" for one, days in fresh)
    mark = hashlib.sha256(f"{marks}:{now.timestamp()}".encode()).hexdigest()[:16]
    for lead in leads(schedule):
        text = "\n".join([*lines, f"Fill it: {_address(schedule)}"])
        paging.notice(lead, title=title, text=text, identity=f"schedule-ahead:{schedule.pk}:{mark}", now=now)


def leads(schedule: Schedule) -> list[User]:
    """Who is told about a schedule: the leads of its team; without any, the administrators."""
    active = User.objects.filter(is_active=True, removed_at=None).order_by("id")
    found = active.filter(memberships__team=schedule.team_id, memberships__lead=True) if schedule.team_id else active.none()
    return list(found[:MOST_LEADS]) or list(active.filter(role=Role.ADMINISTRATOR)[:MOST_LEADS])


def _span(schedule: Schedule, begin: datetime, end: datetime | None) -> str:
    """In the schedule's zone: "Mon 23 Nov 09:00 to Mon 30 Nov 09:00 (Europe/Berlin)"."""
    return f"{queries.in_words(begin, schedule.time_zone)} to {queries.in_words(end, schedule.time_zone) if end else 'later'} ({schedule.time_zone})"


def _length(span: timedelta) -> str:
    minutes = max(round(span.total_seconds() / 60), 1)
    return f"{minutes} min" if minutes < 59 else f"{round(minutes / 60)} h"


def _address(schedule: Schedule) -> str:
    return f"{settings.TOCSIN_URL}/schedules/{schedule.pk}/"


def _next_due() -> datetime | None:
    said = ShiftNotice.objects.filter(due_at__isnull=False).aggregate(at=Min("due_at"))["at"]
    looked = Schedule.objects.filter(removed_at=None).aggregate(at=Min("watch_at"))["at"]
    return min((at for at in (said, looked) if at is not None), default=None)


LOOP = Loop(LOOP_NAME, take, _next_due)
