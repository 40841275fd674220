"""The 90-day bars say what a component's changes say."""

from datetime import UTC, datetime, timedelta

import pytest

from tocsin.domain.uptime import Change, history, worst

NOW = datetime(2026, 11, 23, 12, 0, tzinfo=UTC)
LONG_AGO = NOW - timedelta(days=400)


def test_a_component_that_never_failed_is_up_on_each_of_90_days():
    seen = history([], "operational", LONG_AGO, NOW, "UTC")
    assert [day.status for day in seen.days] == ["operational"] * 90
    assert seen.words == "100% up"
    assert (seen.days[-1].day, seen.days[0].day) == (NOW.date(), NOW.date() - timedelta(days=89))


def test_a_new_component_has_no_data_before_it_was_made():
    seen = history([], "operational", NOW, NOW, "UTC")
    assert [day.status for day in seen.days[:89]] == ["no_data"] * 89
    assert seen.days[-1].status == "operational"


def test_the_worst_status_of_a_day_colours_it_and_an_outage_over_midnight_colours_both_days():
    down = datetime(2026, 11, 20, 23, 0, tzinfo=UTC)
    seen = history(
        [Change(down, "operational", "major_outage"), Change(down + timedelta(hours=2), "major_outage", "operational")],
        "operational", LONG_AGO, NOW, "UTC",
    )  # fmt: skip
    by_day = {day.day: day for day in seen.days}
    assert by_day[down.date()].status == by_day[down.date() + timedelta(days=1)].status == "major_outage"
    assert by_day[down.date()].major_seconds == by_day[down.date() + timedelta(days=1)].major_seconds == 3600
    assert by_day[down.date() + timedelta(days=2)].status == "operational"
    assert seen.words == "99.90% up"


def test_days_are_those_of_the_pages_zone():
    down = datetime(2026, 11, 20, 23, 30, tzinfo=UTC)
    changes = [Change(down, "operational", "partial_outage"), Change(down + timedelta(minutes=10), "partial_outage", "operational")]
    seen = {day.day.isoformat(): day.status for day in history(changes, "operational", LONG_AGO, NOW, "Europe/Paris").days}
    assert (seen["2026-11-20"], seen["2026-11-21"]) == ("operational", "partial_outage")


@pytest.mark.parametrize("seconds", [1, 10])
def test_a_second_of_outage_is_never_rounded_away(seconds: int):
    changes = [
        Change(NOW - timedelta(days=3), "operational", "major_outage"),
        Change(NOW - timedelta(days=3) + timedelta(seconds=seconds), "major_outage", "operational"),
    ]
    assert history(changes, "operational", LONG_AGO, NOW, "UTC").words == "99.99% up"


def test_an_outage_that_began_this_very_moment_colours_today():
    seen = history([Change(NOW, "operational", "major_outage")], "major_outage", LONG_AGO, NOW, "UTC")
    assert (seen.days[-1].status, seen.days[-2].status) == ("major_outage", "operational")


def test_the_worst_of_some():
    assert worst([]) == "operational"
    assert worst(["under_maintenance", "partial_outage", "degraded_performance"]) == "partial_outage"
