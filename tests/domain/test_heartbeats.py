"""A heartbeat is late when its ping is missing, and never a moment earlier."""

from __future__ import annotations

from datetime import UTC, datetime, time, timedelta

from hypothesis import given
from hypothesis import strategies as st

from tocsin.domain.calendars import BusinessCalendar
from tocsin.domain.heartbeats import Ping, Pulse, Rhythm, adjust, miss, pause, resume, take
from tocsin.lib import cron

AT = datetime(2026, 11, 26, 12, 0, tzinfo=UTC)  # a Thursday
MINUTE = timedelta(minutes=1)
RHYTHM = Rhythm(5 * MINUTE, MINUTE)


def after(pulse: Pulse, *pings: Ping, rhythm: Rhythm = RHYTHM) -> Pulse:
    for ping in pings:
        pulse, _ = take(pulse, ping, rhythm)
    return pulse


def test_nothing_is_awaited_before_the_first_ping():
    assert miss(Pulse(), RHYTHM, AT + timedelta(days=900)) == Pulse()


def test_the_first_ping_starts_the_clock():
    pulse = after(Pulse(), Ping("ping", AT))
    assert (pulse.state, pulse.expected_at, pulse.missing_at) == ("ok", AT + 5 * MINUTE, AT + 6 * MINUTE)
    assert miss(pulse, RHYTHM, AT + 6 * MINUTE - timedelta(microseconds=1)).state == "ok"
    assert miss(pulse, RHYTHM, AT + 6 * MINUTE).state == "late"


def test_a_failure_is_bad_news_at_once_and_a_success_good_news():
    pulse = after(Pulse(), Ping("ping", AT))
    failed, news = take(pulse, Ping("ping", AT + MINUTE, exit_code=3), RHYTHM)
    assert (failed.state, news, failed.missing_at) == ("failed", "failed", None)
    assert take(failed, Ping("log", AT + 2 * MINUTE), RHYTHM) == (failed, "")
    again, news = take(failed, Ping("ping", AT + 3 * MINUTE, exit_code=0), RHYTHM)
    assert (again.state, news) == ("ok", "recovered")


def test_a_run_that_started_must_end_within_the_grace():
    pulse = after(Pulse(), Ping("ping", AT), Ping("start", AT + 2 * MINUTE))
    assert pulse.missing_at == AT + 3 * MINUTE
    assert after(pulse, Ping("ping", AT + 2 * MINUTE + timedelta(seconds=30))).started_at is None


def test_a_start_alone_does_not_excuse_one_that_is_late_already():
    late = miss(after(Pulse(), Ping("ping", AT)), RHYTHM, AT + 10 * MINUTE)
    assert after(late, Ping("start", AT + 11 * MINUTE)).state == "late"


def test_a_paused_one_waits_for_nothing_and_after_resuming_for_the_first_ping():
    paused = pause(after(Pulse(), Ping("ping", AT)))
    assert after(paused, Ping("ping", AT + MINUTE)) == paused
    assert miss(paused, RHYTHM, AT + timedelta(days=9)).state == "paused"
    assert resume(paused) == Pulse("never", AT)


def test_after_an_outage_of_ours_what_may_have_been_lost_is_excused_once():
    daily = Rhythm(timedelta(days=1), timedelta(minutes=10))
    pulse = after(Pulse(), Ping("ping", AT), rhythm=daily)
    due = AT + timedelta(days=1)
    back = due + timedelta(minutes=4)
    excused = miss(pulse, daily, due + timedelta(minutes=10), away_until=back)
    assert (excused.state, excused.expected_at) == ("ok", back + timedelta(days=1))
    assert miss(excused, daily, excused.missing_at, away_until=back).state == "late"


def test_an_outage_long_before_excuses_nothing():
    daily = Rhythm(timedelta(days=1), timedelta(minutes=10))
    pulse = after(Pulse(), Ping("ping", AT), rhythm=daily)
    assert miss(pulse, daily, AT + timedelta(days=2), away_until=AT + timedelta(hours=3)).state == "late"


def test_business_hours_pass_over_the_week_end():
    office = Rhythm(timedelta(hours=1), 10 * MINUTE, BusinessCalendar("UTC", time(9), time(17)))
    pulse = after(Pulse(), Ping("ping", datetime(2026, 11, 27, 16, 30, tzinfo=UTC)), rhythm=office)  # Friday
    assert pulse.missing_at == datetime(2026, 11, 30, 9, 40, tzinfo=UTC)


def test_a_cron_expression_keeps_its_hour_when_the_clocks_change():
    nightly = Rhythm(timedelta(hours=1), MINUTE, next_run=lambda at: cron.next_run("30 9 * * *", "Europe/Berlin", at))
    assert nightly.after(datetime(2026, 10, 24, 12, tzinfo=UTC)) == datetime(2026, 10, 25, 8, 30, tzinfo=UTC)
    assert nightly.after(datetime(2026, 10, 23, 12, tzinfo=UTC)) == datetime(2026, 10, 24, 7, 30, tzinfo=UTC)


def test_a_changed_rhythm_counts_from_the_last_ping():
    pulse = after(Pulse(), Ping("ping", AT))
    assert adjust(pulse, Rhythm(timedelta(hours=1), MINUTE)).missing_at == AT + timedelta(minutes=61)


KINDS = st.sampled_from(["ping", "start", "fail", "log"])


@given(st.lists(st.tuples(KINDS, st.integers(1, 1000), st.sampled_from([None, 0, 1])), max_size=30))
def test_whatever_comes_it_is_late_only_when_something_was_awaited(steps):
    pulse, at = Pulse(), AT
    for kind, seconds, code in steps:
        at += timedelta(seconds=seconds)
        before = pulse
        pulse = miss(pulse, RHYTHM, at)
        assert (pulse.state == "late") <= (before.state == "late" or (before.missing_at is not None and before.missing_at <= at))
        pulse, news = take(pulse, Ping(kind, at, code), RHYTHM)
        assert pulse.missing_at is None or pulse.missing_at > at or pulse.started_at == at
        assert (news == "recovered") <= (pulse.state == "ok")
