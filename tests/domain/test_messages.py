"""Every sentence that we send, letter by letter."""

from __future__ import annotations

import re
from dataclasses import replace
from datetime import UTC, date, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tocsin.domain import messages
from tocsin.domain.procedure import default
from tocsin.domain.procedure.reading import template

AT = datetime(2026, 11, 23, 3, 14, tzinfo=UTC)


@pytest.mark.clause("S40", "S41", "S42", "S43", "S44", "S45")
def test_a_declaration_says_six_lines_in_the_procedures_order():
    text = messages.declaration(
        default(), severity="SEV1", impact="Customers cannot pay", incident_commander="Ana", next_update=AT, zone="Europe/Berlin"
    )
    assert text.split("\n") == [
        "INCIDENT DECLARED",
        "Severity: SEV1",
        "Impact: Customers cannot pay",
        "Status: Investigating",
        "Incident Commander: Ana",
        "Next Update: 2026-11-23 04:14 CET",
    ]


@pytest.mark.clause("S42", "S44")
def test_a_declaration_without_commander_says_so_and_without_impact_is_refused():
    assert "Incident Commander: unassigned" in messages.declaration(default(), severity="SEV3", impact="Slow", next_update=AT)
    with pytest.raises(messages.FieldErrors) as refusal:
        messages.declaration(default(), severity="SEV3", impact="  ", next_update=AT)
    assert set(refusal.value.errors) == {"impact"}


@pytest.mark.clause("S33", "S45")
def test_a_declaration_of_a_severity_that_owes_no_update_promises_none():
    assert messages.declaration(default(), severity="SEV4", impact="A typo", next_update=None).endswith("Next Update: none promised")


def public(**fields):
    return messages.public_update(
        default(), **{"at": AT, "status": "Identified", "description": "failing card payments.", "impact": "Cards fail", **fields}
    )


@pytest.mark.clause("S77", "S78", "S79", "S80", "S81")
def test_a_status_page_update_is_the_template_line_by_line():
    assert public(next_update_minutes=20, verb="experiencing").split("\n") == [
        "2026-11-23 03:14 UTC",
        "Status: Identified",
        "",
        "We are currently experiencing failing card payments.",
        "",
        "Impact: Cards fail",
        "",
        "Next update in 20 minutes.",
    ]


@pytest.mark.clause("S81")
def test_a_resolved_update_promises_no_further_one():
    assert public(status="Resolved").endswith("\n\nImpact: Cards fail")
    assert "Next update" not in public(status="Resolved", next_update_minutes=20)


@pytest.mark.clause("S78")
@pytest.mark.parametrize("status", ["Investigating", "Identified", "Monitoring", "Resolved"])
def test_the_four_public_states_are_taken(status):
    assert f"\nStatus: {status}\n" in public(status=status, next_update_minutes=5)


@pytest.mark.clause("S78", "S79")
def test_no_other_state_or_verb_is_taken():
    with pytest.raises(messages.FieldErrors) as refusal:
        public(status="Fixed", verb="enjoying", next_update_minutes=5)
    assert set(refusal.value.errors) == {"status", "verb"}


@pytest.mark.clause("S82")
def test_an_update_with_missing_fields_names_each_of_them():
    with pytest.raises(messages.FieldErrors) as refusal:
        public(impact="", description="")
    assert set(refusal.value.errors) == {"impact", "description", "next_update_minutes"}
    with pytest.raises(messages.FieldErrors) as refusal:
        public(impact="", next_update_minutes=0)
    assert set(refusal.value.errors) == {"impact", "next_update_minutes"}


def internal(**fields):
    given_fields = {
        "at": AT,
        "status": "Identified",
        "impact": "All card revenue",
        "actions": "Switching",
        "next_steps": "Verify",
        **fields,
    }
    return messages.internal_update(default(), **given_fields)


@pytest.mark.clause("S83", "S84", "S85", "S86", "S87", "S88", "S89")
def test_an_internal_update_is_the_template_line_by_line():
    assert internal(cause="Expired certificate", eta="04:00 UTC").split("\n") == [
        "Incident Update - 2026-11-23 03:14 UTC",
        "Status: Identified",
        "Impact: All card revenue",
        "Cause: Expired certificate",
        "Actions: Switching",
        "Next Steps: Verify",
        "ETA: 04:00 UTC",
    ]


@pytest.mark.clause("S86", "S89")
def test_an_unknown_cause_is_said_and_an_unknown_eta_drops_its_line():
    assert "\nCause: unknown\n" in internal() and "ETA" not in internal()


@pytest.mark.clause("S89")
def test_the_eta_says_unknown_where_the_organisation_wants_that():
    procedure = default()
    row = procedure.template("internal_update")
    row = replace(row, placeholders=tuple(replace(p, when_empty="unknown") if p.field == "eta" else p for p in row.placeholders))
    assert messages.render(row, {"timestamp": "T", "status": "S", "impact": "I", "actions": "A", "next_steps": "N"}).endswith(
        "ETA: unknown"
    )


def test_an_edited_template_keeps_working_by_its_placeholders():
    edited = template("internal_update", "Hi all, [Timestamp]!\n[impact] / [Planned actions]")
    assert messages.render(edited, {"timestamp": "T", "impact": "I", "next_steps": "N"}) == "Hi all, T!\nI / N"


@given(st.text(max_size=300), st.text(max_size=300))
def test_what_people_write_never_adds_a_line_or_fills_another_field(impact, description):
    try:
        text = public(impact=impact, description=description, next_update_minutes=5)
    except messages.FieldErrors as refusal:
        assert set(refusal.errors) <= {"impact", "description"}
    else:
        assert text.count("\n") == 7


@pytest.mark.clause("S77", "S45")
def test_times_are_absolute_and_name_their_zone():
    assert messages.timestamp(AT) == "2026-11-23 03:14 UTC"
    assert messages.timestamp(AT, "America/Sao_Paulo") == "2026-11-23 00:14 UTC-0300"


@pytest.mark.clause("S39")
@pytest.mark.parametrize(
    ("title", "name"),
    [
        ("Checkout payments failing", "#incident-20261123-checkout-payments-failing"),
        ("Größe & Überlauf!", "#incident-20261123-grosse-uberlauf"),
        ("決済が失敗", "#incident-20261123-incident"),
        ("  --- ", "#incident-20261123-incident"),
    ],
)
def test_a_channel_is_named_after_the_date_and_the_title(title, name):
    assert messages.channel_name("incident", date(2026, 11, 23), title) == name


@pytest.mark.clause("S39")
def test_a_taken_channel_name_gets_a_number():
    first = "#incident-20261123-slow"
    assert messages.channel_name("incident", date(2026, 11, 23), "Slow", {first}) == f"{first}-2"
    assert messages.channel_name("incident", date(2026, 11, 23), "Slow", {first, f"{first}-2"}) == f"{first}-3"


@pytest.mark.clause("S39")
@given(st.text(max_size=200), st.integers(0, 12))
def test_channel_names_fit_every_chat_product(title, clashes):
    taken: set[str] = set()
    for _ in range(clashes + 1):
        name = messages.channel_name("incident", date(2026, 11, 23), title, taken)
        assert re.fullmatch(r"#incident-\d{8}-[a-z0-9]+(-[a-z0-9]+)*", name) and len(name) <= 81 and name not in taken
        taken.add(name)
