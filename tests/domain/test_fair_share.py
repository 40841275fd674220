"""Hours, nights, weekends and interruptions are counted by the clock that each person lives by."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tocsin.domain.fair_share import evenness, shares
from tocsin.domain.rotation import Shift

BERLIN = ZoneInfo("Europe/Berlin")


def counted(*shifts, pages=None, free=frozenset()):
    return shares(shifts, pages or {}, zone=lambda user: BERLIN, holidays=lambda user, year: free)


def test_a_week_in_winter_has_seven_nights_and_a_weekend():
    monday = datetime(2026, 1, 5, 8, tzinfo=UTC)
    (ana,) = counted(Shift(1, monday, monday + timedelta(days=7), "primary"))
    assert (ana.hours, ana.nights, ana.night_hours, ana.weekend_hours, ana.shifts, ana.taken) == (168, 7, 63, 48, 1, 0)


def test_the_night_of_the_change_of_clocks_is_one_hour_shorter():
    saturday = datetime(2026, 3, 28, 17, tzinfo=UTC)  # 18:00 in Berlin
    (ana,) = counted(Shift(1, saturday, datetime(2026, 3, 29, 6, tzinfo=UTC), "override"))
    assert (ana.hours, ana.night_hours, ana.nights, ana.taken) == (13, 8, 1, 13)


def test_a_night_from_the_evening_before_counts_where_the_shift_begins_after_midnight():
    (ana,) = counted(Shift(1, datetime(2026, 1, 6, 1, tzinfo=UTC), datetime(2026, 1, 6, 4, tzinfo=UTC), "a"))  # 02:00 to 05:00
    assert (ana.night_hours, ana.nights, ana.weekend_hours) == (3, 1, 0)


def test_holidays_are_those_of_where_the_person_lives():
    (ana,) = counted(
        Shift(1, datetime(2026, 1, 1, 0, tzinfo=UTC), datetime(2026, 1, 3, 0, tzinfo=UTC), "a"), free=frozenset({date(2026, 1, 1)})
    )
    assert ana.holiday_hours == 23


def test_pages_of_one_night_interrupt_it_once():
    night = datetime(2026, 1, 6, 0, 30, tzinfo=UTC)
    times = [night, night + timedelta(minutes=5), night + timedelta(hours=2), night + timedelta(hours=12), night + timedelta(hours=24)]
    (ana,) = counted(pages={1: times})
    assert (ana.pages, ana.night_pages, ana.interrupted_nights) == (5, 4, 2)


@pytest.mark.parametrize(
    ("amounts", "said"), [([10, 10, 10], 100), ([30, 0, 0], 0), ([20, 10, 0], 50), ([5], None), ([0, 0], None), ([], None)]
)
def test_evenness_is_a_hundred_where_all_carry_the_same_and_nothing_where_one_carries_all(amounts, said):
    assert evenness(amounts) == said


@given(st.lists(st.floats(0, 1e6), min_size=2, max_size=20))
def test_evenness_lies_between_nothing_and_a_hundred_and_does_not_depend_on_the_unit(amounts):
    even = evenness(amounts)
    assert even is None or 0 <= even <= 100
    if even is not None:
        assert abs((evenness([2 * one for one in amounts]) or 0) - even) <= 1


@given(st.integers(0, 400 * 24 * 60), st.integers(1, 40 * 24 * 60))
def test_parts_of_a_shift_are_never_more_than_the_whole_and_add_up_when_it_is_cut(begin, minutes):
    start = datetime(2026, 1, 1, tzinfo=UTC) + timedelta(minutes=begin)
    middle, end = start + timedelta(minutes=minutes // 2), start + timedelta(minutes=minutes)
    (whole,) = counted(Shift(1, start, end, "a"))
    assert whole.night_hours <= whole.hours + 1e-6 and whole.weekend_hours <= whole.hours + 1e-6
    (cut,) = counted(*[Shift(1, *span, "a") for span in ((start, middle), (middle, end)) if span[0] < span[1]])
    assert abs(cut.night_hours - whole.night_hours) < 1e-6 and abs(cut.weekend_hours - whole.weekend_hours) < 1e-6
