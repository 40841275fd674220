"""Which severity is proposed, and why."""

from __future__ import annotations

import pytest

from tocsin.domain.procedure import default
from tocsin.domain.severity import propose, unsure, worse_of

EXAMPLES = {
    "S8": ("SEV1", "Production database down"), "S9": ("SEV1", "Payment processing failure"), "S10": ("SEV1", "Security breach detected"),
    "S11": ("SEV1", "Complete API unavailability"), "S17": ("SEV2", "50%+ API error rate"), "S18": ("SEV2", "Major feature completely broken"),
    "S19": ("SEV2", "Significant performance degradation"), "S20": ("SEV2", "Partial data loss"), "S26": ("SEV3", "Minor feature broken"),
    "S27": ("SEV3", "Slow response times (2-3x normal)"), "S28": ("SEV3", "Non-critical integration failure"),
}  # fmt: skip


@pytest.mark.clause("S8", "S9", "S10", "S11", "S17", "S18", "S19", "S20", "S26", "S27", "S28")
@pytest.mark.parametrize("clause", EXAMPLES)
def test_choosing_an_example_proposes_its_severity_and_says_so(clause):
    severity, text = EXAMPLES[clause]
    proposal = propose(default(), example=text)
    assert proposal.severity == severity and text in proposal.reason and proposal.example == text


@pytest.mark.clause("S8", "S9", "S10", "S11")
@pytest.mark.parametrize(
    "title", ["Production database is down", "Payment processing failures in EU", "Complete API unavailability since 3"]
)
def test_a_title_that_names_an_example_proposes_sev1(title):
    assert propose(default(), text=title, source_severity="warning").severity == "SEV1"


@pytest.mark.clause("S10")
def test_a_security_breach_offers_a_private_incident_and_nothing_else_does():
    assert propose(default(), text="Security breach detected on host 7").private
    assert not propose(default(), example="Production database down").private


@pytest.mark.clause("S17")
def test_half_of_the_requests_failing_is_sev2():
    assert propose(default(), measure={"error_ratio": 0.5}).severity == "SEV2"
    assert "50%+ API error rate" in propose(default(), measure={"error_ratio": 0.92}).reason
    assert propose(default(), measure={"error_ratio": 0.49}, source_severity="info").severity == "SEV4"


@pytest.mark.clause("S27")
def test_two_to_three_times_slower_than_the_baseline_is_sev3_and_more_is_worse():
    for latency, severity in ((199, "SEV4"), (200, "SEV3"), (300, "SEV3"), (301, "SEV2")):
        proposal = propose(default(), measure={"latency": latency}, baseline={"latency": 100}, source_severity="info")
        assert proposal.severity == severity
    assert propose(default(), measure={"latency": 900}, baseline={"latency": 0}, source_severity="info").severity == "SEV4"


@pytest.mark.parametrize(("word", "severity"), [("critical", "SEV2"), ("error", "SEV3"), ("warning", "SEV3"), ("info", "SEV4")])
def test_a_source_is_read_through_the_procedures_table(word, severity):
    assert propose(default(), source_severity=word).severity == severity


def test_a_service_has_its_own_table_and_a_critical_one_goes_a_step_up():
    assert propose(default(), source_severity="warning", service_map={"warning": "SEV1"}).severity == "SEV1"
    assert propose(default(), source_severity="warning", service_map={"warning": "SEV9"}).severity == "SEV3"
    raised = propose(default(), source_severity="critical", critical=True)
    assert raised.severity == "SEV1" and "critical service" in raised.reason
    assert propose(default(), source_severity="critical", critical=True, service_map={"critical": "SEV1"}).severity == "SEV1"


def test_when_unsure_the_worse_is_taken():
    assert worse_of(default(), "SEV3", "SEV2") == "SEV2" and worse_of(default()) == "SEV1"
    assert unsure(default(), ["SEV3", "SEV2"]).severity == "SEV2"
    assert propose(default()).severity == "SEV3"


def test_the_reason_names_the_severity_again_only_where_something_changed_it():
    assert propose(default(), source_severity="critical").reason == "critical from the source"
    assert propose(default(), source_severity="critical", critical=True).reason.startswith("critical from the source: SEV2, 1 up")
