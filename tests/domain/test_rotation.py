"""Exactly one person is on call each minute, as a minute-by-minute calculation says it."""

from __future__ import annotations

from calendar import monthrange
from datetime import UTC, date, datetime, time, timedelta
from functools import lru_cache
from itertools import pairwise
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tocsin.domain.final_schedule import gaps, shifts
from tocsin.domain.rotation import Absence, Override, Restriction, Rotation, Schedule, Shift, instant, on_call

ZONES = ["UTC", "Europe/Berlin", "America/New_York", "Australia/Lord_Howe", "Pacific/Apia", "Asia/Kathmandu", "America/Santiago"]
MINUTE = timedelta(minutes=1)


def local(at: datetime, zone: str) -> datetime:
    return at.astimezone(ZoneInfo(zone)).replace(tzinfo=None)


def oracle(schedule: Schedule, start: datetime, minutes: int) -> list[int | None]:
    """Who is on call, by walking through the minutes and looking at the clock on the wall; written without the code under test."""
    held: list[int | None] = []
    turns = [_walk(rotation, rotation.zone or schedule.zone, start, minutes) for rotation in schedule.rotations]
    for minute in range(minutes):
        at = start + minute * MINUTE
        gone = {user for user, since in schedule.left if at >= since}
        found = [o for o in schedule.overrides if o.starts_at <= at < o.ends_at and o.user not in gone]
        if found:
            held.append(sorted(found, key=lambda o: o.order)[-1].user)
        else:
            away = {a.user for a in schedule.absences if schedule.hand_over and a.starts_at <= at < a.ends_at}
            lines = [[user for user in walk[minute] if user not in gone] for walk in turns]
            held.append(next((_present(line, away) for line in lines if line), None))
    return held


def _present(line: list[int], away: set[int]) -> int:
    # `line`: whose turn it is, then those who would step in, in their order.
    return next((user for user in line if user not in away), line[0])


@lru_cache(maxsize=64)  # a story about one schedule asks for the same walks again
def _walk(rotation: Rotation, zone: str, start: datetime, minutes: int) -> list[list[int]]:
    # The furthest that the clock on the wall has ever been decides how many handoffs have happened: an hour that comes twice changes nothing.
    furthest = datetime.min
    at = min(start, instant_before(rotation, zone, start))
    held: list[list[int]] = []
    while at < start + minutes * MINUTE:
        furthest = max(furthest, local(at, zone))
        if at >= start:
            held.append(_holder(rotation, furthest, at))
        at += MINUTE
    return held


def instant_before(rotation: Rotation, zone: str, start: datetime) -> datetime:
    return start - timedelta(hours=30)  # longer than any change of the clock


def _holder(rotation: Rotation, furthest: datetime, at: datetime) -> list[int]:
    if rotation.ends_at and at >= rotation.ends_at:
        return []
    if rotation.calendar is not None:
        return [shift.user for shift in rotation.calendar if shift.starts_at <= at < shift.ends_at]
    if furthest < rotation.starts_local or not rotation.participants:
        return []
    if rotation.restrictions and not any(_open(restriction, furthest) for restriction in rotation.restrictions):
        return []
    turn = (
        _months(rotation, furthest)
        if rotation.months and not rotation.shift_hours
        else (furthest - rotation.starts_local) // rotation.period
    )
    first = turn % len(rotation.participants)
    return [*rotation.participants[first:], *rotation.participants[:first]]


def _months(rotation: Rotation, wall: datetime) -> int:
    # Counts the handoffs of months, one after the other, as somebody with a paper calendar would.
    starts, turns, month = rotation.starts_local, 0, 0
    while True:
        month += rotation.months
        year, of = divmod(starts.month - 1 + month, 12)
        days = [date(starts.year + year, of + 1, day) for day in range(1, monthrange(starts.year + year, of + 1)[1] + 1)]
        same = [day for day in days if day.weekday() == starts.weekday()]
        nth = (starts.day - 1) // 7
        on = days[min(starts.day, len(days)) - 1] if rotation.month_day else same[-1] if nth == 4 else same[nth]
        if datetime.combine(on, starts.time()) > wall:
            return turns
        turns += 1


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
    months=st.sampled_from([0, 0, 0, 1, 2, 3]),
    month_day=st.booleans(),
    zone=st.sampled_from(["", "", "Asia/Tokyo", "America/New_York"]),
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
absences = st.lists(st.tuples(st.integers(1, 4), st.integers(-600, 2000), st.integers(1, 900)), max_size=4)
leavers = st.dictionaries(st.integers(1, 6), st.integers(-600, 2000), max_size=3)


@settings(max_examples=60, deadline=None)
@given(
    zone=st.sampled_from(ZONES),
    layers=st.lists(rotations, max_size=3),
    start=starts,
    made=overrides,
    off=absences,
    over=st.booleans(),
    left=leavers,
)
def test_each_minute_belongs_to_whom_the_clock_on_the_wall_says(zone, layers, start, made, off, over, left):
    stand_ins = tuple(
        Override(user, start + at * MINUTE, start + (at + length) * MINUTE, order) for order, (user, at, length) in enumerate(made)
    )
    away = tuple(Absence(user, start + at * MINUTE, start + (at + length) * MINUTE) for user, at, length in off)
    gone = tuple((user, start + at * MINUTE) for user, at in left.items())
    schedule = Schedule(zone, tuple(layers), stand_ins, away, over, gone)
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


def test_a_handoff_in_the_spring_gap_happens_when_the_clock_has_jumped():
    night = Rotation("night", (1, 2), datetime(2026, 3, 1, 2, 30), shift_days=1)
    before, after = (datetime(2026, 3, 29, hour, minute, tzinfo=UTC) for hour, minute in ((0, 59), (1, 0)))
    schedule = Schedule("Europe/Berlin", (night,))
    assert on_call(schedule, before) != on_call(schedule, after)


def test_a_handoff_in_the_double_autumn_hour_happens_once_the_first_time():
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


def test_turns_of_who_has_left_go_to_the_next_one_and_where_all_have_to_the_next_rotation():
    leaves = datetime(2026, 1, 7, tzinfo=UTC)
    schedule = Schedule("UTC", (WEEKLY, Rotation("backup", (3,), datetime(2026, 1, 1))), left=((1, leaves),))
    found = shifts(schedule, datetime(2026, 1, 6, tzinfo=UTC), datetime(2026, 1, 21, tzinfo=UTC))
    assert [(one.user, one.instead_of) for one in found] == [(1, None), (2, 1), (2, None), (2, 1)], "who was on call until then stays so"
    empty = Schedule("UTC", schedule.rotations, left=((1, leaves), (2, leaves)))
    assert on_call(empty, leaves).user == 3


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


TWELVE_ZONES = [
    "UTC", "Europe/Berlin", "Europe/Lisbon", "America/New_York", "America/Sao_Paulo", "America/Santiago", "Asia/Kathmandu", "Asia/Tehran",
    "Australia/Lord_Howe", "Pacific/Auckland", "Africa/Casablanca", "US/Pacific",
]  # fmt: skip
TEN = timedelta(minutes=10)
THREE_LAYERS = (
    Rotation(
        "office", (1, 2), datetime(2027, 3, 2, 9, 30), months=1, restrictions=(Restriction(frozenset(range(5)), time(9, 30), time(18)),)
    ),
    Rotation("night", (3, 4, 5), datetime(2027, 1, 1, 2, 30), shift_hours=12),
    Rotation("fallback", (6, 7), datetime(2026, 12, 28, 0), shift_days=14),
)  # fmt: skip


@pytest.mark.parametrize("zone", TWELVE_ZONES)
def test_400_days_are_as_a_walk_through_them_says_leap_day_and_both_changes_of_the_clock_included(zone):
    start, steps = datetime(2027, 2, 1, tzinfo=UTC), 400 * 144
    schedule = Schedule(zone, THREE_LAYERS, (Override(9, start + timedelta(days=30), start + timedelta(days=31)),))
    seen = shifts(schedule, start, start + steps * TEN)
    # The offset of the zone is asked for every ten minutes; all handoffs and changes of a clock lie on such steps.
    walls, furthest, zone_info = [], datetime.min, ZoneInfo(zone)
    for step in range(-12, steps):
        at = start + step * TEN
        furthest = max(furthest, at.astimezone(zone_info).replace(tzinfo=None))
        walls.append(furthest)
    place = 0
    for step in range(steps):
        at, wall = start + step * TEN, walls[step + 12]
        while seen[place].ends_at <= at:
            place += 1
        if schedule.overrides[0].starts_at <= at < schedule.overrides[0].ends_at:
            wanted = 9
        else:
            wanted = next(line[0] for layer in THREE_LAYERS if (line := _holder(layer, wall, at)))
        assert seen[place].starts_at <= at and seen[place].user == wanted, f"{at} is {wall} in {zone}"


def test_months_hand_off_on_the_same_weekday_of_the_month_and_a_fifth_one_means_the_last():
    second_tuesday = Rotation("m", (1, 2), datetime(2026, 1, 13, 9), months=1)
    assert [second_tuesday.handoff(turn).day for turn in range(4)] == [13, 10, 10, 14]
    last_friday = Rotation("m", (1, 2), datetime(2026, 1, 30, 9), months=2)
    assert [(d.month, d.day) for d in map(last_friday.handoff, range(3))] == [(1, 30), (3, 27), (5, 29)]
    by_day = Rotation("m", (1, 2), datetime(2026, 1, 31, 9), months=1, month_day=True)
    assert [by_day.handoff(turn).day for turn in range(4)] == [31, 28, 31, 30]


def test_teams_that_follow_the_sun_write_the_hours_of_their_own_zone():
    hours = (Restriction(frozenset(range(7)), time(8), time(20)),)
    tokyo = Rotation("Tokyo", (1,), datetime(2026, 1, 1), shift_days=1, restrictions=hours, zone="Asia/Tokyo")
    york = Rotation("New York", (2,), datetime(2026, 1, 1), shift_days=1, restrictions=hours, zone="America/New_York")
    schedule = Schedule("Europe/Berlin", (tokyo, york))
    start = datetime(2026, 7, 1, tzinfo=UTC)
    assert [(s.user, s.starts_at.hour) for s in shifts(schedule, start, start + timedelta(days=1))] == [(1, 0), (2, 12), (1, 23)]
    assert [(g.starts_at.hour, g.ends_at.hour) for g in gaps(schedule, start, start + timedelta(days=1))] == [(11, 12)]


def test_who_is_away_hands_over_to_the_next_and_gets_the_rest_of_the_turn_back():
    start = datetime(2026, 1, 5, 9, tzinfo=UTC)
    away = (
        Absence(1, start + timedelta(days=1), start + timedelta(days=2)),
        Absence(2, start + timedelta(days=1), start + timedelta(days=2)),
    )
    turns = Rotation("primary", (1, 2, 3), datetime(2026, 1, 5, 9))
    handing = shifts(Schedule("UTC", (turns,), (), away, hand_over=True), start, start + timedelta(days=7))
    assert [(s.user, s.instead_of) for s in handing] == [(1, None), (3, 1), (1, None)]
    flagged = shifts(Schedule("UTC", (turns,), (), away), start, start + timedelta(days=7))
    assert [s.user for s in flagged] == [1]


def test_a_turn_stays_with_its_owner_when_everybody_is_away():
    start = datetime(2026, 1, 5, 9, tzinfo=UTC)
    away = tuple(Absence(user, start, start + timedelta(days=2)) for user in (1, 2))
    schedule = Schedule("UTC", (Rotation("primary", (1, 2), datetime(2026, 1, 5, 9)),), (), away, hand_over=True)
    assert on_call(schedule, start).user == 1


def test_an_outside_calendar_is_a_rotation_like_any_other():
    start = datetime(2026, 1, 5, 9, tzinfo=UTC)
    calendar = tuple(Shift(user, start + timedelta(hours=6 * user), start + timedelta(hours=6 * user + 3)) for user in (1, 2))
    schedule = Schedule("UTC", (Rotation("team calendar", (), start, calendar=calendar), Rotation("rest", (7,), datetime(2026, 1, 1))))
    found = shifts(schedule, start, start + timedelta(days=1))
    assert [(s.user, s.source) for s in found] == [(7, "rest"), (1, "team calendar"), (7, "rest"), (2, "team calendar"), (7, "rest")]
    assert all(on_call(schedule, s.starts_at).user == s.user for s in found)
