"""Folding rests while a burst comes in faster than it is folded, never for long, and never for a storm that goes on."""

from __future__ import annotations

import pytest

from tocsin.response.pace import LONGEST_REST, PATIENCE_SECONDS, Pace


class Day:
    """A pace and a clock that is moved by hand; so many requests were accepted by now."""

    def __init__(self) -> None:
        self.at, self.accepted = 1000.0, 0
        self.pace = Pace(seconds=lambda: self.at)

    def batch(self, *, came: int, took: float = 0.1, waited: float = 0.0, integration: int = 1) -> bool:
        """500 requests are folded while so many come in; whether the integration rests then."""
        self.at += took
        self.accepted += came
        self.pace.folded(integration, 500, took, waited, self.accepted)
        return self.pace.rests(integration)


@pytest.fixture
def day() -> Day:
    return Day()


def test_nothing_rests_after_the_first_batch(day):
    assert not day.batch(came=5000) and day.pace.left() is None


def test_a_burst_is_accepted_first_for_five_times_as_long_as_its_batch_took(day):
    day.batch(came=5000)
    assert day.batch(came=1000)
    assert day.pace.left() == pytest.approx(0.5)
    day.at += 0.51
    assert not day.pace.rests(1) and day.pace.left() is None


def test_a_slow_batch_rests_no_longer_than_a_second(day):
    day.batch(came=5000)
    day.batch(came=5000, took=3.0)
    assert day.pace.left() == pytest.approx(LONGEST_REST)


def test_what_comes_in_no_faster_than_it_is_folded_never_waits(day):
    assert not any(day.batch(came=500) for _ in range(10))


def test_the_events_of_others_do_not_rest(day):
    day.batch(came=5000)
    assert day.batch(came=5000) and not day.pace.rests(2)


def test_a_storm_that_goes_on_is_folded_at_full_speed(day):
    day.batch(came=5000)
    assert not day.batch(came=5000, waited=PATIENCE_SECONDS + 1)


def test_an_old_count_says_nothing(day):
    day.batch(came=5000)
    day.at += 60
    assert not day.batch(came=5000)


def test_a_pace_that_is_not_a_workers_lets_nothing_rest():
    pace = Pace(active=False)
    for accepted in (5000, 10_000):
        pace.folded(1, 500, 0.1, 0.0, accepted)
    assert not pace.rests(1)
