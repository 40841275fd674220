"""What is owed until when, and what a change of severity does to it."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.domain.small_procedure import SMALL
from tocsin.domain import obligations as rules
from tocsin.domain.calendars import BusinessCalendar
from tocsin.domain.obligations import Owed

T0 = datetime(2026, 11, 23, 12, tzinfo=UTC)
UTC_WEEK = BusinessCalendar("UTC")
SEVERITIES = st.sampled_from(["SEV1", "SEV2", "SEV3", "SEV4"])
MINUTES = st.integers(0, 600)


def owed_at_declaration(severity: str, at: datetime = T0) -> list[Owed]:
    update = rules.first_update(SMALL, severity, at)
    promises = [rules.acknowledgement(SMALL, severity, at, UTC_WEEK), *([update] if update else []), *rules.roles(SMALL, severity, at)]
    return [Owed(promise) for promise in promises]


def carry_out(owed: list[Owed], decided: rules.Recomputed) -> list[Owed]:
    after = list(owed)
    for position, promise in decided.changed:
        before = after[position]
        assert before.promise.due_at
        after[position] = replace(before, promise=promise, earlier_due=(*before.earlier_due, before.promise.due_at))
    for position in decided.lapsed:
        after[position] = replace(after[position], state="not_applicable")
    return [*after, *(Owed(promise) for promise in decided.new)]


@pytest.mark.clause("S5", "S14", "S23")
@pytest.mark.parametrize(("severity", "minutes"), [("SEV1", 5), ("SEV2", 15), ("SEV3", 60)])
def test_the_acknowledgement_is_due_after_the_severity_s_minutes(severity, minutes):
    promise = rules.acknowledgement(SMALL, severity, T0, UTC_WEEK)
    assert promise.due_at == T0 + timedelta(minutes=minutes)
    assert promise.warn_at == T0 + timedelta(minutes=minutes) * 0.7


@pytest.mark.clause("S7", "S16", "S25", "S33")
def test_the_first_update_is_public_internal_or_not_owed_at_all():
    first = {severity: rules.first_update(SMALL, severity, T0) for severity in ("SEV1", "SEV2", "SEV3", "SEV4")}
    assert first["SEV1"] and (first["SEV1"].kind, first["SEV1"].due_at) == ("first_public_update", T0 + timedelta(minutes=15))
    assert first["SEV2"] and (first["SEV2"].kind, first["SEV2"].due_at) == ("first_public_update", T0 + timedelta(minutes=30))
    assert first["SEV3"] and first["SEV3"].kind == "first_internal_update"
    assert first["SEV4"] is None


def test_after_40_minutes_of_sev3_a_sev1_is_not_late_at_once():
    owed = owed_at_declaration("SEV3")
    changed_at = T0 + timedelta(minutes=40)
    after = carry_out(owed, rules.recompute(SMALL, owed, "SEV3", "SEV1", changed_at, UTC_WEEK))
    acknowledge = next(o for o in after if o.promise.kind == "acknowledge")
    public = next(o for o in after if o.promise.kind == "first_public_update")
    assert acknowledge.promise.due_at == changed_at + timedelta(minutes=5)
    assert public.promise.due_at == changed_at + timedelta(minutes=15)
    assert next(o for o in after if o.promise.kind == "first_internal_update").state == "not_applicable"


def test_late_only_because_it_was_re_classified_is_told_apart_from_late():
    owed = owed_at_declaration("SEV3")
    changed_at = T0 + timedelta(minutes=40)
    acknowledge = carry_out(owed, rules.recompute(SMALL, owed, "SEV3", "SEV1", changed_at, UTC_WEEK))[0]
    in_old_time = replace(acknowledge, state="met", stopped_at=T0 + timedelta(minutes=50))
    too_late_anyway = replace(acknowledge, state="met", stopped_at=T0 + timedelta(minutes=70))
    assert rules.judge(in_old_time, T0) == rules.Judgement("late", timedelta(minutes=5), True)
    assert rules.judge(too_late_anyway, T0) == rules.Judgement("late", timedelta(minutes=25), False)


def test_what_was_overdue_before_the_change_stays_overdue():
    owed = owed_at_declaration("SEV1")
    after = carry_out(owed, rules.recompute(SMALL, owed, "SEV1", "SEV3", T0 + timedelta(minutes=10), UTC_WEEK))
    assert after[0].promise.due_at == T0 + timedelta(minutes=5)


@given(SEVERITIES, SEVERITIES, MINUTES)
def test_a_change_of_severity_alone_never_breaks_a_promise(before, after, minutes):
    owed, changed_at = owed_at_declaration(before), T0 + timedelta(minutes=minutes)
    result = carry_out(owed, rules.recompute(SMALL, owed, before, after, changed_at, UTC_WEEK))
    for position, item in enumerate(result):
        if item.state != "open" or item.promise.due_at is None or item.promise.due_at > changed_at:
            continue
        assert position < len(owed), "a new promise is never overdue"
        assert owed[position].promise.due_at == item.promise.due_at, "only what was overdue before is overdue now"


@given(SEVERITIES, SEVERITIES, MINUTES)
def test_after_a_change_exactly_what_the_new_severity_demands_is_open(before, after, minutes):
    owed, changed_at = owed_at_declaration(before), T0 + timedelta(minutes=minutes)
    result = carry_out(owed, rules.recompute(SMALL, owed, before, after, changed_at, UTC_WEEK))
    open_now = sorted((o.promise.kind, o.promise.owner_role) for o in result if o.state == "open")
    assert open_now == sorted((o.promise.kind, o.promise.owner_role) for o in owed_at_declaration(after))


@given(st.lists(st.tuples(SEVERITIES, st.integers(1, 60)), min_size=1, max_size=6))
def test_no_promise_is_ever_owed_twice(changes):
    severity, at, owed = "SEV2", T0, owed_at_declaration("SEV2")
    for after, minutes in changes:
        if after == severity:
            continue
        at += timedelta(minutes=minutes)
        owed = carry_out(owed, rules.recompute(SMALL, owed, severity, after, at, UTC_WEEK))
        severity = after
        running = [(o.promise.kind, o.promise.owner_role) for o in owed if o.state == "open"]
        assert len(running) == len(set(running))


def test_an_update_that_went_out_is_not_demanded_again():
    owed = owed_at_declaration("SEV1")
    owed[1] = replace(owed[1], state="met", stopped_at=T0 + timedelta(minutes=3))
    decided = rules.recompute(SMALL, owed, "SEV1", "SEV2", T0 + timedelta(minutes=20), UTC_WEEK)
    assert not [p for p in decided.new if p.kind.endswith("_update")]


def test_a_promised_update_comes_sooner_but_never_later_by_a_change():
    promised = rules.next_update(SMALL, "SEV2", "public", T0, 60)
    assert promised
    worse = rules.recompute(SMALL, [Owed(promised)], "SEV2", "SEV1", T0 + timedelta(minutes=10), UTC_WEEK)
    milder = rules.recompute(SMALL, [Owed(promised)], "SEV2", "SEV3", T0 + timedelta(minutes=10), UTC_WEEK)
    assert worse.changed[0][1].due_at == T0 + timedelta(minutes=25)
    assert not milder.changed and not milder.lapsed


@given(st.integers(-600, 600), st.booleans())
def test_the_verdict_follows_the_clock(minutes, stopped):
    promise = rules.acknowledgement(SMALL, "SEV2", T0, UTC_WEEK)
    at = T0 + timedelta(minutes=15 + minutes)
    judged = rules.judge(Owed(promise, "met" if stopped else "open", at if stopped else None), at)
    assert judged.by == max(timedelta(minutes=minutes), timedelta())
    assert judged.verdict == ("open" if not stopped else "late" if minutes > 0 else "met")


@pytest.mark.clause("S73")
def test_the_post_mortem_is_owed_for_sev1_and_sev2_within_48_hours():
    owed = rules.postmortem(SMALL, "SEV2", T0)
    assert owed and owed.due_at == T0 + timedelta(hours=48) and owed.clause == "step-6.1"
    assert rules.postmortem(SMALL, "SEV3", T0) is None


def test_roles_are_asked_for_where_people_work_together():
    assert [p.owner_role for p in rules.roles(SMALL, "SEV1", T0)] == ["incident_commander", "technical_lead", "communications_lead"]
    assert [p.owner_role for p in rules.roles(SMALL, "SEV3", T0)] == ["incident_commander"]
    assert rules.roles(SMALL, "SEV4", T0) == []
