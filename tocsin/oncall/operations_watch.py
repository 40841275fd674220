"""How is it kept what was said about shifts, and what is still to be said? With the other `operations` the only files that write these tables."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime, timedelta

from tocsin.domain.ahead import Trouble
from tocsin.domain.notices import Next, Owed, moved, warning
from tocsin.oncall.models import NextShift, Schedule, ShiftNotice

EVERY = timedelta(hours=6)  # a schedule that nobody changes is looked at so often
KEPT = timedelta(days=60)  # what was said is forgotten so long after the shift


def take_watch(now: datetime) -> Schedule | None:
    """One schedule that is to be looked at, locked for the rest of the transaction, and put off."""
    rows = Schedule.objects.select_for_update(skip_locked=True, of=("self",)).filter(watch_at__lte=now, removed_at=None)
    schedule = rows.select_related("team").order_by("watch_at", "id").first()
    if schedule is not None:
        Schedule.objects.filter(pk=schedule.pk).update(watch_at=now + EVERY)
    return schedule


def take_notice(now: datetime) -> ShiftNotice | None:
    """One word that is due, locked for the rest of the transaction."""
    rows = ShiftNotice.objects.select_for_update(skip_locked=True, of=("self",)).filter(due_at__lte=now)
    return rows.select_related("schedule", "user").order_by("due_at", "id").first()


def plan(schedule: Schedule, words: Iterable[Owed]) -> None:
    """Write down words that fall due; those that are written down, or were said, stay as they are."""
    rows = [
        ShiftNotice(
            identity=f"{schedule.pk}:{one.word}:{one.user}:{int((one.ends_at if one.word == 'over' else one.starts_at).timestamp())}",
            schedule=schedule, user_id=one.user, word=one.word, starts_at=one.starts_at, ends_at=one.ends_at, due_at=one.due_at,
        )
        for one in words
    ]  # fmt: skip
    ShiftNotice.objects.bulk_create(rows, ignore_conflicts=True)


def settle(row: ShiftNotice, outcome: str, now: datetime) -> None:
    """It was said, or need not be any more."""
    ShiftNotice.objects.filter(pk=row.pk).update(due_at=None, done_at=now, outcome=outcome)


def new_warnings(schedule: Schedule, troubles: Iterable[Trouble], now: datetime) -> list[tuple[Trouble, int]]:
    """The troubles that nobody was warned of at this distance, with that distance in days; they count as said from now on."""
    wanted = {f"{schedule.pk}:warn:{mark[0]}:{mark[1]}"[:200]: (one, mark[1]) for one in troubles if (mark := warning(one, now))}
    known = set(ShiftNotice.objects.filter(identity__in=wanted).values_list("identity", flat=True))
    fresh = {identity: pair for identity, pair in wanted.items() if identity not in known}
    ShiftNotice.objects.bulk_create(
        ShiftNotice(
            identity=identity, schedule=schedule, word="warn", starts_at=one.starts_at, ends_at=one.ends_at, done_at=now, outcome="told"
        )
        for identity, (one, _) in fresh.items()
    )
    return list(fresh.values())


def note_next(schedule: Schedule, coming: dict[int, Next], now: datetime) -> list[tuple[NextShift, Next | None]]:
    """Keep everybody's next shift; those whose moved, with what they knew before. A schedule's first look moves nobody."""
    first = not schedule.watched
    rows = {row.user_id: row for row in NextShift.objects.filter(schedule=schedule)}
    found = []
    for user in sorted({*rows, *coming}):
        row, after = rows.get(user), coming.get(user, Next(None, None))
        before = Next(row.starts_at, row.ends_at) if row else (None if first else Next(None, None))
        if row and before == after:
            continue
        row = row or NextShift(schedule=schedule, user_id=user)
        row.starts_at, row.ends_at = after.starts_at, after.ends_at
        if tells := moved(before, after, now):
            row.moves += 1
        row.save()
        if tells:
            found.append((row, before))
    return found


def looked(schedule: Schedule, counts: dict[str, int], now: datetime) -> None:
    """Keep how many troubles lie ahead, for the metric, and forget what was said long ago."""
    Schedule.objects.filter(pk=schedule.pk).update(troubles=counts, watched=True)
    ShiftNotice.objects.filter(schedule=schedule, ends_at__lt=now - KEPT, due_at=None).delete()
