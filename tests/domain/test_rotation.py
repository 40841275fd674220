"""Exactly one person is on call each minute, as a minute-by-minute calculation says it."""

from __future__ import annotations

from datetime import UTC, datetime, time, timedelta
from itertools import pairwise
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tocsin.domain.rotation import Override, Restriction, Rotation, Schedule, Shift, gaps, instant, on_call, shifts

ZONES = ["UTC", "Europe/Berlin", "America/New_York", "Australia/Lord_Howe", "Pacific/Apia", "Asia/Kathmandu", "America/Santiago"]
MINUTE = timedelta(minutes=1)


def local(at: datetime, zone: str) -> datetime:
    return at.astimezone(ZoneInfo(zone)).replace(tzinfo=None)


def oracle(schedule: Schedule, start: datetime, minutes: int) -> list[int | None]:
    """Who is on call, by walking through the minutes and looking at the clock on the wall; written without the code under test."""
    held: list[int | None] = []
    turns = [_walk(rotation, schedule.zone, start, minutes) for rotation in schedule.rotations]
    for minute in range(minutes):
        at = start + minute * MINUTE
        found = [o for o in schedule.overrides if o.starts_at <= at < o.ends_at]
        if found:
            held.append(sorted(found, key=lambda o: o.order)[-1].user)
        else:
            held.append(next((walk[minute] for walk in turns if walk[minute] is not None), None))
    return held


def _walk(rotation: Rotation, zone: str, start: datetime, minutes: int) -> list[int | None]:
    # The furthest that the clock on the wall has ever been decides how many hand-offs have happened: an hour that comes twice changes nothing.
    furthest = datetime.min
    at = min(start, instant_before(rotation, zone, start))
    held: list[int | None] = []
    while at < start + minutes * MINUTE:
        furthest = max(furthest, local(at, zone))
        if at >= start:
            held.append(_holder(rotation, furthest, at))
        at += MINUTE
    return held


def instant_before(rotation: Rotation, zone: str, start: datetime) -> datetime:
    return start - timedelta(hours=30)  # longer than any change of the clock


def _holder(rotation: Rotation, furthest: datetime, at: datetime) -> int | None:
    if furthest < rotation.starts_local or (rotation.ends_at and at >= rotation.ends_at) or not rotation.participants:
        return None
    turn = (furthest - rotation.starts_local) // rotation.period
    if rotation.restrictions and not any(_open(restriction, furthest) for restriction in rotation.restrictions):
        return None
    return rotation.participants[turn % len(rotation.participants)]


def _open(restriction: Restriction, wall: datetime) -> bool:
    for back in (0, 1):
        day = (wall - timedelta(days=back)).date()
        begin = datetime.combine(day, restriction.start)
        end = datetime.combine(day, restriction.end)
        if restriction.end <= restriction.start:
            end += timedelta(days=1)
        if day.weekday() in restriction.weekdays and begin <= wall < end:
            return True
    return False


rotations = st.builds(
    Rotation,
    name=st.sampled_from(["a", "b"]),
    participants=st.lists(st.integers(1, 4), max_size=4).map(tuple),
    starts_local=st.datetimes(datetime(2025, 1, 1), datetime(2026, 12, 1)).map(lambda d: d.replace(second=0, microsecond=0)),
    shift_days=st.integers(1, 9),
    shift_hours=st.sampled_from([0, 0, 1, 3, 8, 12, 25]),
    ends_at=st.none()
    | st.datetimes(datetime(2026, 1, 1), datetime(2027, 1, 1)).map(lambda d: d.replace(second=0, microsecond=0, tzinfo=UTC)),
    restrictions=st.lists(
        st.builds(Restriction, st.frozensets(st.integers(0, 6), min_size=1), *[st.times().map(lambda t: time(t.hour, t.minute))] * 2),
        max_size=2,
    ).map(tuple),
)
starts = st.sampled_from([
    datetime(2026, 3, 28, 22, tzinfo=UTC), datetime(2026, 10, 24, 20, tzinfo=UTC), datetime(2026, 3, 7, 20, tzinfo=UTC),
    datetime(2026, 4, 4, 10, tzinfo=UTC), datetime(2026, 10, 3, 10, tzinfo=UTC), datetime(2026, 11, 1, 0, tzinfo=UTC),
    datetime(2026, 12, 31, 12, tzinfo=UTC), datetime(2028, 2, 28, 12, tzinfo=UTC),
])  # fmt: skip
overrides = st.lists(st.tuples(st.integers(5, 7), st.integers(-600, 2000), st.integers(1, 900)), max_size=3)


@settings(max_examples=60, deadline=None)
@given(zone=st.sampled_from(ZONES), layers=st.lists(rotations, max_size=3), start=starts, made=overrides)
def test_each_minute_belongs_to_whom_the_clock_on_the_wall_says(zone, layers, start, made):
    stand_ins = tuple(
        Override(user, start + at * MINUTE, start + (at + length) * MINUTE, order) for order, (user, at, length) in enumerate(made)
    )
    schedule = Schedule(zone, tuple(layers), stand_ins)
    minutes = 26 * 60
    expected = oracle(schedule, start, minutes)
    seen = [on_call(schedule, start + minute * MINUTE) for minute in range(0, minutes, 7)]
    assert [one.user if one else None for one in seen] == expected[::7]
    assert _minutes(shifts(schedule, start, start + minutes * MINUTE), start, minutes) == expected


def _minutes(found: list[Shift], start: datetime, minutes: int) -> list[int | None]:
    held: list[int | None] = [None] * minutes
    for shift in found:
        for minute in range((shift.starts_at - start) // MINUTE, (shift.ends_at - start) // MINUTE):
            assert held[minute] is None, "two people in one minute"
            held[minute] = shift.user
    return held


@settings(max_examples=40, deadline=None)
@given(zone=st.sampled_from(ZONES), layers=st.lists(rotations, max_size=3), start=starts)
def test_shifts_and_gaps_cover_the_whole_span_without_overlap(zone, layers, start):
    schedule, end = Schedule(zone, tuple(layers)), start + timedelta(days=40)
    spans = sorted([*shifts(schedule, start, end), *gaps(schedule, start, end)], key=lambda s: s.starts_at)
    assert spans[0].starts_at == start and spans[-1].ends_at == end
    assert all(a.ends_at == b.starts_at for a, b in pairwise(spans))


WEEKLY = Rotation("primary", (1, 2), datetime(2026, 1, 5, 9))


def test_a_weekly_rotation_hands_off_at_nine_in_winter_and_in_summer():
    found = shifts(Schedule("Europe/Berlin", (WEEKLY,)), datetime(2026, 3, 20, tzinfo=UTC), datetime(2026, 4, 10, tzinfo=UTC))
    assert [local(shift.starts_at, "Europe/Berlin").hour for shift in found[1:]] == [9, 9, 9]


def test_a_hand_off_in_the_spring_gap_happens_when_the_clock_has_jumped():
    night = Rotation("night", (1, 2), datetime(2026, 3, 1, 2, 30), shift_days=1)
    before, after = (datetime(2026, 3, 29, hour, minute, tzinfo=UTC) for hour, minute in ((0, 59), (1, 0)))
    schedule = Schedule("Europe/Berlin", (night,))
    assert on_call(schedule, before) != on_call(schedule, after)


def test_a_hand_off_in_the_double_autumn_hour_happens_once_the_first_time():
    night = Rotation("night", (1, 2), datetime(2026, 3, 1, 2, 30), shift_days=1)
    found = shifts(Schedule("Europe/Berlin", (night,)), datetime(2026, 10, 24, 12, tzinfo=UTC), datetime(2026, 10, 25, 12, tzinfo=UTC))
    assert [shift.starts_at for shift in found[1:]] == [datetime(2026, 10, 25, 0, 30, tzinfo=UTC)]


@pytest.mark.parametrize("zone", ZONES)
def test_an_instant_shows_the_wall_clock_time_or_a_later_one(zone):
    for hour in range(0, 24 * 400, 5):
        wall = datetime(2026, 1, 1) + timedelta(hours=hour, minutes=17)
        found = instant(wall, ZoneInfo(zone))
        assert local(found, zone) >= wall
        assert local(found - timedelta(seconds=1), zone) < wall


def test_the_first_rotation_wins_and_an_override_wins_over_all():
    day = Rotation("day", (1,), datetime(2026, 1, 1), restrictions=(Restriction(frozenset(range(5)), time(9), time(17)),))
    always = Rotation("always", (2,), datetime(2026, 1, 1))
    at = datetime(2026, 11, 23, 12, tzinfo=UTC)
    schedule = Schedule("UTC", (day, always))
    assert [on_call(schedule, at).user, on_call(schedule, at + timedelta(hours=6)).user] == [1, 2]
    standing_in = Override(3, at, at + timedelta(hours=1))
    assert on_call(Schedule("UTC", (day, always), (standing_in,)), at).user == 3


def test_an_empty_schedule_is_one_gap():
    start, end = datetime(2026, 1, 1, tzinfo=UTC), datetime(2026, 1, 2, tzinfo=UTC)
    assert [(gap.starts_at, gap.ends_at) for gap in gaps(Schedule("UTC"), start, end)] == [(start, end)]
