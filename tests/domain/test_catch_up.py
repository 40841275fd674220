"""After an absence of Tocsin itself: look first, then step, then page; merged, late, and with whole delays."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from hypothesis import given
from hypothesis import strategies as st

from tocsin.domain import catch_up as rules
from tocsin.domain.catch_up import Return, Stage, Waiting

NOW = datetime(2026, 11, 23, 3, 14, tzinfo=UTC)


def minutes(count: float) -> timedelta:
    return timedelta(minutes=count)


def test_two_minutes_of_silence_are_no_absence_and_more_is():
    assert [rules.was_away(seconds) for seconds in (None, 0.0, 120.0, 121.0)] == [False, False, False, True]


def test_what_came_in_is_looked_at_before_steps_start_and_steps_before_pages_go():
    looking = Return(Stage.LOOKING, NOW, events_wait=True, steps_wait=True)
    assert rules.following(looking, NOW + timedelta(seconds=29)) is Stage.LOOKING
    assert rules.following(Return(Stage.LOOKING, NOW, steps_wait=True), NOW) is Stage.STEPPING
    assert rules.following(Return(Stage.STEPPING, NOW, steps_wait=True), NOW + timedelta(seconds=59)) is Stage.STEPPING
    assert rules.following(Return(Stage.STEPPING, NOW), NOW) is Stage.SENDING


def test_looking_does_not_hold_pages_for_ever():
    assert rules.following(Return(Stage.LOOKING, NOW, events_wait=True), NOW + timedelta(seconds=31)) is Stage.STEPPING
    assert rules.following(Return(Stage.STEPPING, NOW, steps_wait=True), NOW + timedelta(seconds=61)) is Stage.SENDING


def test_what_is_held_back_stays_so_however_long_it_takes():
    assert rules.following(Return(Stage.HELD, NOW), NOW + timedelta(days=9)) is Stage.HELD


def test_a_step_whose_last_page_never_went_out_waits_its_whole_time_again():
    first, due = NOW - minutes(40), NOW - minutes(35)
    assert rules.step_again(due, first, now=NOW) == NOW + minutes(5)
    assert rules.step_again(first, due, now=NOW) == NOW
    assert rules.step_again(due, None, now=NOW) == NOW


def test_the_methods_of_a_person_keep_their_distance():
    ladder = [Waiting(1, "a", 1, NOW - minutes(40)), Waiting(2, "a", 2, NOW - minutes(38)), Waiting(3, "a", 3, NOW + minutes(5))]
    other = Waiting(4, "b", 1, NOW + minutes(1))
    assert rules.delays_again([*ladder, other], NOW) == {1: NOW, 2: NOW + minutes(2), 3: NOW + minutes(45)}


def test_pages_by_one_method_become_one_and_a_tried_one_stays_alone():
    pages = [Waiting(number, f"g{number}", 7, NOW - minutes(number)) for number in (1, 2, 3)]
    tried = Waiting(4, "g4", 7, NOW - minutes(9), fresh=False)
    later, elsewhere = Waiting(5, "g5", 7, NOW + minutes(1)), Waiting(6, "g6", 8, NOW)
    assert rules.merged([*pages, tried, later, elsewhere], NOW) == {3: [2, 1]}


@given(st.lists(st.builds(Waiting, st.integers(1, 99), st.sampled_from("abc"), st.integers(1, 3), st.just(NOW) | st.datetimes(
    datetime(2026, 11, 23), datetime(2026, 11, 24)).map(lambda at: at.replace(tzinfo=UTC))), unique_by=lambda one: one.id))  # fmt: skip
def test_each_page_goes_out_once_or_is_stood_for_once_and_none_before_it_was_due(pages):
    moved = rules.delays_again(pages, NOW)
    assert all(moved[page.id] >= page.due_at for page in pages if page.id in moved)
    assert all(at >= NOW for at in moved.values())
    found = rules.merged(pages, NOW)
    stood_for = [id for others in found.values() for id in others]
    assert len(stood_for) == len(set(stood_for)) and not set(stood_for) & set(found)
    methods = {page.id: page.method for page in pages}
    assert all(methods[id] == methods[lead] for lead, others in found.items() for id in others)


def test_how_late_it_is_in_words():
    assert [rules.late_by(NOW - timedelta(seconds=late), NOW) for late in (0, 119, 120, 2400)] == [0, 0, 120, 2400]
    assert [rules.words(seconds) for seconds in (30, 60, 150, 2400, 7200, 200_000)] == [
        "30 seconds", "1 minute", "2 minutes", "40 minutes", "2 hours", "2 days",
    ]  # fmt: skip
