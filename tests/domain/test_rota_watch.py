"""The watch pages step by step when the heartbeat stops, stops when somebody has it or it is heard again, and is never silent for good."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tocsin.domain import rota_watch as rules
from tocsin.domain.rota_watch import Method, Person, Rota, Shift, State, Step

NOW = datetime(2026, 11, 23, 3, 14, tzinfo=UTC)
SILENCE = timedelta(minutes=3)
ANA = Person(1, "Ana", (Method("webhook", "a"), Method("email", "a@example.com", 120)))
BEN = Person(2, "Ben", (Method("webhook", "b"),))
MUTE = Person(3, "Mute")


def minutes(count: float) -> timedelta:
    return timedelta(minutes=count)


def rota(*steps: Step, valid: float = 2880) -> Rota:
    return Rota("https://t.example", "Payments", NOW, NOW + minutes(valid), steps, {one.id: one for one in (ANA, BEN, MUTE)})


TWO = rota(Step(300, shifts=(Shift(1, NOW - minutes(60), NOW + minutes(600)),)), Step(300, always=(2,)))


def run(what: Rota, state: State, until: datetime, *, every: timedelta = timedelta(seconds=10)) -> tuple[State, list[tuple[float, str]]]:
    """Every message that goes out, by minute and person, with nobody answering."""
    seen, now = [], state.heard_at
    while now <= until:
        state, _ = rules.decide(what, state, now, SILENCE)
        for one in rules.due(state, now):
            seen.append(((now - NOW).total_seconds() / 60, f"{what.people[one.person].name} by {one.method.kind}"))
            state = rules.sent(state, [one], [], now)
        now += every
    return state, seen


def test_only_a_try_whose_end_nobody_knows_makes_the_next_one_a_possible_duplicate():
    state, _ = rules.decide(TWO, State(NOW), NOW + minutes(4), SILENCE)
    first = rules.due(state, NOW + minutes(4))
    assert [one.unsure for one in first] == [False]
    state = rules.begun(state, first)
    assert [one.unsure for one in rules.due(state, NOW + minutes(4))] == [True]  # as it stands on disk after a kill
    later = NOW + minutes(5)
    assert [one.unsure for one in rules.due(rules.sent(state, [], first, NOW + minutes(4)), later)] == [False]
    assert [one.unsure for one in rules.due(rules.sent(state, [], [], NOW + minutes(4), unknown=first), later)] == [True]


def test_while_the_heartbeat_is_heard_nobody_is_paged():
    state = State(NOW)
    for minute in range(30):
        at = NOW + minutes(minute)
        state, _ = rules.heard(state, at)
        state, told = rules.decide(TWO, state, at + timedelta(seconds=179), SILENCE)
        assert told == [] and not state.outgoing


def test_it_goes_from_step_to_step_by_each_persons_own_delays_and_again_more_slowly():
    _, seen = run(TWO, State(NOW), NOW + minutes(40))
    assert [(round(at, 1), who) for at, who in seen] == [
        (3.2, "Ana by webhook"), (5.2, "Ana by email"), (8.2, "Ben by webhook"), (13.2, "Ana by webhook"), (15.2, "Ana by email"),
        (28.2, "Ben by webhook"),
    ]  # fmt: skip


def test_an_acknowledgement_ends_it_and_runs_out_after_an_hour():
    state, _ = run(TWO, State(NOW), NOW + minutes(4))
    state = rules.acknowledge(state, "Ana", NOW + minutes(4))
    assert not state.outgoing
    state, told = rules.decide(TWO, state, NOW + minutes(63), SILENCE)
    assert told == [] and not rules.due(state, NOW + minutes(63))
    state, told = rules.decide(TWO, state, NOW + minutes(64), SILENCE)
    assert [one.what for one in told] == ["acknowledgement expired", "step"] and state.runs == 2


def test_heard_again_it_is_over_and_whoever_was_paged_hears_so():
    state, _ = run(TWO, State(NOW), NOW + minutes(9))
    state, told = rules.heard(state, NOW + minutes(9))
    assert [(one.what, one.people) for one in told] == [("heard again", (1, 2))]
    assert state.run is None and not state.outgoing


def test_a_step_without_anybody_who_can_be_reached_is_passed_over_and_without_anybody_it_looks_again():
    _, seen = run(rota(Step(300, always=(3, 99)), Step(300, always=(2,))), State(NOW), NOW + minutes(4))
    assert [who for _, who in seen] == ["Ben by webhook"]
    state, told = rules.decide(rota(Step(300, always=(3,))), State(NOW), NOW + minutes(4), SILENCE)
    assert [one.what for one in told] == ["silent", "nobody"] and state.run and state.run.due_at == NOW + minutes(5)


def test_without_a_copy_it_remembers_the_silence_until_there_is_one():
    state, told = rules.decide(None, State(NOW), NOW + minutes(4), SILENCE)
    assert [one.what for one in told] == ["silent"]
    state, told = rules.decide(TWO, state, NOW + minutes(5), SILENCE)
    assert [one.what for one in told] == ["step"]


def test_a_copy_that_ran_out_still_pages_whoever_had_the_last_shift():
    old = rota(Step(300, shifts=(Shift(1, NOW - minutes(60), NOW), Shift(2, NOW, NOW + minutes(60)))), valid=60)
    assert old.on_duty(0, NOW + minutes(30)) == [BEN]
    assert old.on_duty(0, NOW + minutes(300)) == [BEN]


def test_what_failed_for_now_is_tried_again_three_times_with_the_same_key():
    state, _ = rules.decide(TWO, State(NOW), NOW + minutes(4), SILENCE)
    now, tries = NOW + minutes(4), []
    while due := [one for one in rules.due(state, now) if one.method.kind == "webhook"]:
        tries.append(due[0].key)
        state = rules.sent(state, [], due, now)
        now += rules.RETRY
    assert tries == ["watch-1-0-1-0"] * rules.MOST_TRIES


@given(st.lists(st.sampled_from(["wait", "long", "ping", "ack"]), max_size=60))
def test_in_any_order_of_events_each_message_has_one_key_and_silence_never_lasts_for_good(events):
    state, now, keys = State(NOW), NOW, []
    for event in events:
        now += minutes(20 if event == "long" else 1)
        if event == "ping":
            state, _ = rules.heard(state, now)
            assert state.run is None and not state.outgoing
        if event == "ack":
            state = rules.acknowledge(state, "Ana", now)
            assert not state.run or (state.run.acknowledged_at and not state.outgoing)
        state, _ = rules.decide(TWO, state, now, SILENCE)
        due = rules.due(state, now)
        keys += [one.key for one in due]
        state = rules.sent(state, due, [], now)
    assert len(keys) == len(set(keys))
    _, seen = run(TWO, State(state.heard_at, state.run, state.outgoing, state.runs), now + minutes(90))
    assert seen


def test_the_plain_form_is_read_and_nonsense_is_refused():
    plain = {
        "version": 1, "installation": "https://t.example", "policy": "P", "made_at": NOW.isoformat(), "valid_until": NOW.isoformat(),
        "steps": [{"wait_seconds": 60, "always": [1], "shifts": [{"person": 1, "from": NOW.isoformat(), "until": NOW.isoformat()}]}],
        "people": [{"id": 1, "name": "Ana", "methods": [{"kind": "email", "address": "a@example.com", "after_seconds": 0}]}],
    }  # fmt: skip
    assert rules.read(plain).people[1].methods == (Method("email", "a@example.com"),)
    for broken in ({}, {**plain, "people": 3}, {**plain, "made_at": "yesterday"}, {**plain, "steps": [{}]}):
        with pytest.raises(ValueError):
            rules.read(broken)


def test_what_may_have_gone_out_once_stays_a_possible_duplicate_also_after_a_try_that_surely_failed():
    state, _ = rules.decide(TWO, State(NOW), NOW + minutes(4), SILENCE)
    first = rules.due(state, NOW + minutes(4))
    state = rules.sent(rules.begun(state, first), [], [], NOW + minutes(4), unknown=first)
    second = rules.due(state, NOW + minutes(5))
    state = rules.sent(rules.begun(state, second), [], second, NOW + minutes(5))
    assert rules.due(state, NOW + minutes(6))[0].unsure
