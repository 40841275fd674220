"""Which service and severity an alert gets, what holds it back, and that the reasons are said."""

import re
from datetime import UTC, datetime, timedelta

import pytest

from tocsin.domain.procedure import default
from tocsin.domain.routing import Directory, Matcher, ServiceFacts, SilenceRule, Subject, route

NOW = datetime(2026, 11, 23, 12, 0, tzinfo=UTC)
CHECKOUT = ServiceFacts(1, "checkout", severity_map={"critical": "SEV1"})
SEARCH = ServiceFacts(2, "Search", critical=True)


def decided(silences=(), **fields):
    subject = Subject(**{"title": "Disk full", "source_severity": "critical", "integration": "Prometheus", **fields})
    return route(subject, Directory({1: CHECKOUT, 2: SEARCH}, silences), default(), NOW, lambda p, v: bool(re.fullmatch(p, v)))


def silence(*matchers, **fields):
    return SilenceRule(
        **{"id": 7, "matchers": matchers, "starts_at": NOW, "ends_at": NOW + timedelta(hours=1), "reason": "Maintenance", **fields}
    )


def test_the_integrations_own_service_counts_before_the_one_that_the_message_names():
    decision = decided(integration_service=1, service="search")
    assert (decision.service_id, decision.severity) == (1, "SEV1")
    assert any("checkout" in line for line in decision.trace)


def test_a_service_is_found_by_the_name_in_the_message_whatever_its_capitals():
    assert decided(service="SEARCH").service_id == 2


def test_a_name_that_no_service_has_leads_to_the_fallback_and_says_so():
    decision = decided(service="billing")
    assert decision.service_id is None and any("billing" in line and "fallback" in line for line in decision.trace)


@pytest.mark.parametrize(("word", "severity"), [("critical", "SEV2"), ("error", "SEV3"), ("warning", "SEV3"), ("info", "SEV4")])
def test_the_proposed_severity_follows_the_procedures_table(word, severity):
    assert decided(source_severity=word).severity == severity


def test_a_critical_service_steps_up():
    assert decided(service="search").severity == "SEV1"


@pytest.mark.parametrize(
    ("matcher", "held"),
    [
        (Matcher("alertname", "Disk"), True), (Matcher("alertname", "Disk", is_equal=False), False), (Matcher("alertname", "D.*", is_regex=True), True),
        (Matcher("alertname", "D", is_regex=True), False), (Matcher("absent", ""), True), (Matcher("severity", "critical"), True),
    ],
)  # fmt: skip
def test_a_silence_holds_what_its_matchers_hold_for(matcher, held):
    decision = decided([silence(matcher)], labels={"alertname": "Disk"})
    assert bool(decision.suppressed_by) is held
    assert any("silence" in line.lower() for line in decision.trace)


def test_an_alert_without_the_label_alertname_is_named_by_its_title_as_clients_of_alertmanager_see_it():
    assert decided([silence(Matcher("alertname", "Disk full"))]).suppressed_by
    assert not decided([silence(Matcher("alertname", "Disk full"))], labels={"alertname": "Disk"}).suppressed_by


def test_a_silence_holds_only_in_its_time_and_for_its_service():
    assert not decided([silence(Matcher("title", "Disk full"), ends_at=NOW)]).suppressed_by
    assert not decided([silence(Matcher("title", "Disk full"), starts_at=NOW + timedelta(seconds=1))]).suppressed_by
    assert not decided([silence(service_id=1)], service="search").suppressed_by
    assert decided([silence(service_id=2)], service="search").suppressed_by
    assert not decided([silence()]).suppressed_by
