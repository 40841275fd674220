"""What makes Tocsin ill, and how often people are told so."""

from __future__ import annotations

import pytest

from tocsin.domain.self_watch import TELL_AGAIN, Problem, Seen, Told, judge


def kinds(**seen: object) -> list[str]:
    return [problem.kind for problem in judge(Seen(**seen))]  # type: ignore[arg-type]


def test_a_house_in_order_has_no_problem():
    assert kinds(late={"escalations": 29.9}, rounds={"escalations": 31.0}, auditor=70.0, canary=65.0) == []


@pytest.mark.parametrize(
    ("seen", "kind"),
    [
        ({"late": {"escalations": 30.1, "notifications": 0.0}}, "late:escalations"),
        ({"rounds": {"notifications": 46.0}}, "stuck:notifications"),
        ({"worker": 46.0}, "worker"),
        ({"auditor": 151.0}, "auditor"),
        ({"findings": ["3 pages stand still"]}, "audit:pages stand still"),
        ({"canary": 151.0}, "canary"),
        ({"held": True}, "held"),
        ({"database": 31.0}, "database"),
    ],
)
def test_each_illness_is_seen_and_named(seen, kind):
    assert kinds(**seen) == [kind]


def test_while_the_database_is_away_nothing_else_is_claimed():
    assert kinds(database=40.0, rounds={"escalations": 99.0}, canary=999.0) == ["database"]


def test_a_finding_that_grows_is_the_same_problem():
    assert kinds(findings=["3 pages stand still"]) == kinds(findings=["4 pages stand still"])


def test_people_are_told_at_once_then_every_quarter_of_an_hour_then_once_that_it_is_over():
    told, late, canary = Told(), Problem("late:escalations", "late"), Problem("canary", "silent")
    assert told.again([], 0.0) == ([], False)
    assert told.again([late], 10.0) == ([late], False)
    assert told.again([late], 15.0) == ([], False)
    assert told.again([late, canary], 20.0) == ([late, canary], False)
    assert told.again([late, canary], 20.0 + TELL_AGAIN - 1) == ([], False)
    assert told.again([late, canary], 20.0 + TELL_AGAIN) == ([late, canary], False)
    assert told.again([], 2000.0) == ([], True)
    assert told.again([], 2010.0) == ([], False)
