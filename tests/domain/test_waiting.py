"""What can wait goes out in working hours and outside quiet ones, never earlier than it came, and never never."""

from __future__ import annotations

from datetime import UTC, date, datetime, time, timedelta

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tocsin.domain.calendars import BusinessCalendar, in_business_hours
from tocsin.domain.waiting import QuietHours, is_quiet, not_before

BERLIN = BusinessCalendar("Europe/Berlin", time(9), time(17), frozenset({date(2026, 5, 14)}))


@pytest.mark.parametrize(("came", "goes"), [
    ("2026-03-27T10:00+01:00", "2026-03-27T10:00+01:00"),  # a Friday morning: at once
    ("2026-03-27T17:00+01:00", "2026-03-30T09:00+02:00"),  # its end: on Monday, after the clocks changed
    ("2026-03-29T02:30+01:00", "2026-03-30T09:00+02:00"),
    ("2026-05-13T20:00+02:00", "2026-05-15T09:00+02:00"),  # over a public holiday
    ("2026-03-30T06:00+02:00", "2026-03-30T09:00+02:00"),
])  # fmt: skip
def test_it_waits_for_the_next_opening_in_the_persons_own_zone(came, goes):
    assert not_before(datetime.fromisoformat(came), BERLIN) == datetime.fromisoformat(goes)


def test_quiet_hours_within_working_hours_are_kept_too():
    lunch = QuietHours(time(12), time(13), "Europe/Berlin")
    assert not_before(datetime.fromisoformat("2026-03-30T12:20+02:00"), BERLIN, lunch) == datetime.fromisoformat("2026-03-30T13:00+02:00")
    long = QuietHours(time(22), time(11), "Europe/Berlin")  # past midnight, into the morning
    assert not_before(datetime.fromisoformat("2026-03-30T08:00+02:00"), BERLIN, long) == datetime.fromisoformat("2026-03-30T11:00+02:00")


def test_hours_that_leave_no_minute_hold_nothing_back():
    at = datetime.fromisoformat("2026-03-30T12:00+02:00")
    assert not_before(at, BERLIN, QuietHours(time(8), time(18), "Europe/Berlin")) == at
    assert not_before(at, BusinessCalendar(working_days=frozenset())) == at


clocks = st.times().map(lambda one: one.replace(second=0, microsecond=0))


@settings(max_examples=100, deadline=None)
@given(
    at=st.datetimes(datetime(2026, 1, 1), datetime(2027, 1, 1)).map(lambda one: one.replace(tzinfo=UTC)),
    zone=st.sampled_from(["Europe/Berlin", "America/New_York", "Asia/Kathmandu", "Australia/Lord_Howe"]),
    starts=clocks,
    ends=clocks,
)
def test_it_is_never_early_and_never_at_a_wrong_hour(at, zone, starts, ends):
    calendar, quiet = BusinessCalendar(zone), QuietHours(starts, ends, zone)
    goes = not_before(at, calendar, quiet)
    assert at <= goes <= at + timedelta(days=8)
    if goes != at:
        assert in_business_hours(calendar, goes) and not is_quiet(quiet, goes)
        assert not in_business_hours(calendar, at) or is_quiet(quiet, at)
