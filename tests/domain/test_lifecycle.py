"""What stands before an incident's close, who decides, and what the report says of each clause."""

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.domain.small_procedure import SMALL
from tocsin.domain import checklist, lifecycle
from tocsin.domain import obligations as rules
from tocsin.domain.calendars import BusinessCalendar
from tocsin.domain.conformance import Facts, OwedFact, Proof, conformance
from tocsin.domain.lifecycle import Progress, Standing

T0 = datetime(2026, 11, 23, 12, tzinfo=UTC)
DONE = Progress("resolved", T0, T0, T0, public_update_owed=True, public_status="resolved")


@pytest.mark.clause("S72")
def test_the_close_names_everything_that_is_open():
    missing = lifecycle.missing_for_close(Progress("investigating", public_update_owed=True), T0)
    assert [item.key for item in missing] == ["fix", "verification", "status_page"]
    assert "verification" in missing[1].sentence


@pytest.mark.clause("S70", "S72")
def test_a_running_watch_keeps_it_open_until_it_ends():
    watching = Progress("resolved", T0, T0, T0 + timedelta(minutes=30))
    assert [item.key for item in lifecycle.missing_for_close(watching, T0)] == ["watch"]
    assert lifecycle.missing_for_close(watching, T0 + timedelta(minutes=30)) == []


@given(st.sets(st.sampled_from(lifecycle.CLOSING)))
def test_what_is_waived_does_not_stand_in_the_way(waived):
    progress = Progress("investigating", public_update_owed=True, waived=frozenset(waived))
    assert not {item.key for item in lifecycle.missing_for_close(progress, T0)} & waived


def test_when_all_is_done_it_can_be_closed():
    assert lifecycle.missing_for_close(DONE, T0 + timedelta(seconds=1)) == []


@pytest.mark.clause("S70")
def test_only_within_its_watch_does_an_incident_recur():
    until = T0 + timedelta(minutes=30)
    assert lifecycle.recurs("resolved", None, T0)
    assert lifecycle.recurs("closed", until, T0) and not lifecycle.recurs("closed", until, until + timedelta(seconds=1))
    assert not lifecycle.recurs("investigating", until, T0)


@pytest.mark.clause("S92")
def test_the_commander_decides_and_without_one_any_responder_may():
    assert lifecycle.refuse_command(Standing(responder=True, commanded=True), "this")
    assert not lifecycle.refuse_command(Standing(commander=True, commanded=True), "this")
    assert not lifecycle.refuse_command(Standing(responder=True, commanded=False), "this")
    assert lifecycle.refuse_command(Standing(responder=False), "this")


def test_a_waiver_needs_the_role_and_a_reason():
    assert lifecycle.refuse_waiver(Standing(), {"incident_commander"}, ("incident_commander",), " ")
    assert lifecycle.refuse_waiver(Standing(), {"technical_lead"}, ("incident_commander",), "No users")
    assert not lifecycle.refuse_waiver(Standing(), {"incident_commander"}, ("incident_commander",), "No users")


def test_status_moves_by_hand_never_skip_the_verbs_that_resolve_and_close():
    assert not lifecycle.refuse_move("investigating", "identified")
    assert lifecycle.refuse_move("investigating", "resolved") and lifecycle.refuse_move("monitoring", "closed")
    assert lifecycle.refuse_move("resolved", "investigating") and lifecycle.refuse_move("identified", "nonsense")


@pytest.mark.clause("S61")
def test_the_root_cause_is_parked_until_service_is_restored():
    order = checklist.under(SMALL, checklist.PRIORITY_ORDER)
    assert checklist.parked(SMALL, order[-1], set()) and not checklist.parked(SMALL, order[1], set())
    assert not checklist.parked(SMALL, order[-1], {order[0].key})


def report(**changes):
    acknowledge = rules.acknowledgement(SMALL, "SEV1", T0, BusinessCalendar())
    owed = (OwedFact(rules.Owed(acknowledge, "met", T0 + timedelta(minutes=2)), {"text": "Ana has it", "entry": 7}),)
    facts = {
        "severity": "SEV1",
        "now": T0,
        "closed_at": None,
        "public_update_owed": True,
        "owed": owed,
        "declaration": Proof("INCIDENT DECLARED", T0, 8),
    }
    return {clause.clause: clause for clause in conformance(SMALL, Facts(**{**facts, **changes}))}


def test_every_clause_has_a_verdict_and_what_is_met_has_its_evidence():
    clauses = report(reached={"on_call": Proof("Ana was paged", T0)})
    assert clauses["SEV1.response"].verdict == "met" and clauses["SEV1.response"].evidence == ({"text": "Ana has it", "entry": 7},)
    assert clauses["SEV1.escalation"].verdict == "open" and "leadership" in clauses["SEV1.escalation"].reason
    assert clauses["step-2"].verdict == "met"
    assert clauses["step-5.2"].verdict == "open"
    assert clauses["step-4.4"].verdict == "not_applicable", "an offered mitigation is not a demand"


def test_what_was_left_undone_is_missed_once_it_is_closed_and_waivers_keep_their_reason():
    ticks = {("resolve", "verify-fix-is-working"): Proof("Ana: No users left", T0, waived=True)}
    clauses = report(closed_at=T0 + timedelta(hours=1), ticks=ticks)
    assert clauses["step-3.1"].verdict == "missed"
    assert (clauses["step-5.2"].verdict, clauses["step-5.2"].reason) == ("waived", "Ana: No users left")
    assert clauses["step-6.1"].verdict == "open", "the last step begins with the close"


@pytest.mark.clause("S57")
def test_a_gap_is_shown_and_is_nobody_s_failure():
    gap = {("diagnose", "error-rates"): Proof("No collector is connected", T0, gap=True)}
    clauses = report(closed_at=T0, ticks=gap)
    assert (clauses["step-3.3"].verdict, clauses["step-3.3"].reason) == ("not_applicable", "No collector is connected")
