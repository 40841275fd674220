"""The end of the next business day, in the team's own zone, without its holidays."""

from datetime import UTC, date, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tocsin.domain.calendars import BusinessCalendar, add_business_time, end_of_business_day, end_of_day, in_business_hours, is_business_day
from tocsin.lib import holidays

BERLIN = BusinessCalendar("Europe/Berlin")
AWARE = st.datetimes(datetime(2025, 1, 1), datetime(2028, 12, 31), timezones=st.just(UTC))
ZONES = st.sampled_from(["UTC", "Europe/Berlin", "America/New_York", "Asia/Kathmandu", "Pacific/Auckland", "Australia/Lord_Howe"])


def local(text: str, zone: str = "Europe/Berlin") -> datetime:
    return datetime.fromisoformat(text).replace(tzinfo=ZoneInfo(zone))


@pytest.mark.clause("S31")
def test_what_comes_in_on_friday_evening_is_due_when_monday_ends():
    assert end_of_business_day(BERLIN, local("2026-11-20T18:00")) == local("2026-11-23T17:00")


@pytest.mark.clause("S31")
def test_a_holiday_is_no_business_day():
    with_holiday = BusinessCalendar("Europe/Berlin", holidays=frozenset({date(2026, 11, 23)}))
    assert end_of_business_day(with_holiday, local("2026-11-20T18:00")) == local("2026-11-24T17:00")


@pytest.mark.clause("S31")
def test_christmas_of_the_team_s_own_country_is_skipped():
    german = BusinessCalendar("Europe/Berlin", holidays=holidays.dates("DE", year=2026))
    assert end_of_business_day(german, local("2026-12-24T10:00")) == local("2026-12-28T17:00")
    assert end_of_business_day(BERLIN, local("2026-12-24T10:00")) == local("2026-12-25T17:00")


def test_the_day_is_the_one_of_the_team_s_zone():
    # Sunday evening in New York is Monday in Auckland: there the next business day is Tuesday.
    at = local("2026-11-22T20:00", "America/New_York")
    auckland = BusinessCalendar("Pacific/Auckland")
    assert end_of_business_day(auckland, at) == local("2026-11-24T17:00", "Pacific/Auckland")


def test_unknown_countries_have_no_holidays():
    assert holidays.dates("XX", year=2026) == frozenset()
    assert holidays.dates("DE", "ZZ", year=2026) == holidays.dates("DE", year=2026)


@given(AWARE, ZONES, st.integers(1, 10))
def test_the_end_of_a_business_day_is_ahead_and_on_a_business_day(at, zone, days):
    calendar = BusinessCalendar(zone, holidays=frozenset({date(2026, 5, 1), date(2026, 12, 25)}))
    due = end_of_business_day(calendar, at, days=days)
    assert due > at
    assert is_business_day(calendar, due.astimezone(ZoneInfo(zone)).date())
    assert end_of_business_day(calendar, at, days=days + 1) > due


@given(AWARE, ZONES, st.integers(1, 60 * 40), st.integers(1, 600))
def test_business_time_passes_only_in_business_hours_and_adds_up(at, zone, minutes, more):
    calendar = BusinessCalendar(zone)
    end = add_business_time(calendar, at, timedelta(minutes=minutes))
    assert end > at
    assert in_business_hours(calendar, end - timedelta(microseconds=1))
    assert add_business_time(calendar, end, timedelta(minutes=more)) == add_business_time(calendar, at, timedelta(minutes=minutes + more))


def test_a_day_ends_at_midnight_of_its_zone():
    assert end_of_day("Europe/Berlin", date(2026, 11, 27)) == datetime(2026, 11, 27, 23, tzinfo=UTC)
