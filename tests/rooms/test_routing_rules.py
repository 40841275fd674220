"""Routing rules as people keep them: versions, who changed what, and what events are routed by."""

import pytest

from tests.rooms.test_receiving_events import House
from tocsin import clock
from tocsin.accounts.actor import SYSTEM
from tocsin.accounts.models import AuditEntry
from tocsin.alerts import operations, queries, queries_routing
from tocsin.alerts import operations_routing as routing
from tocsin.alerts.models import Alert
from tocsin.lib.refusal import Refused
from tocsin.paging.models import Escalation

pytestmark = pytest.mark.django_db
SEVERITIES = ("SEV1", "SEV2", "SEV3", "SEV4")


def save(*rules, **fields):
    return routing.save([dict(rule) for rule in rules], severities=SEVERITIES, by=SYSTEM, now=clock.now(), **fields)


def condition(value, field="labels.alertname", operator="equals"):
    return {"field": field, "operator": operator, "value": value}


@pytest.fixture
def house():
    return House()


def test_an_event_is_routed_by_the_rules_in_force_and_its_trace_is_kept(house):
    search = operations.create_service(name="search", by=SYSTEM, now=clock.now())
    save(
        {"name": "Nothing", "conditions": [condition("Z")]},
        {"name": "Disk to search", "conditions": [condition("Disk")], "then": {"service": search.pk, "severity": "SEV1"}},
    )
    house.alert(key="Disk")
    alert = Alert.objects.get()
    assert (alert.service_id, alert.severity, alert.rule_id) == (search.pk, "SEV1", 2)
    assert alert.route["version"] == 1 and alert.route["hits"] == [2]
    assert any("Disk to search" in line for line in alert.trace)
    hits, cut = queries_routing.hits(clock.now())
    assert (hits[2].alerts, cut) == (1, False)


def test_what_a_rule_suppresses_pages_nobody_and_names_the_rule(house):
    save({"name": "Noise", "conditions": [condition("Disk")], "then": {"suppress": True}})
    house.alert(key="Disk")
    assert Alert.objects.get().suppressed_by == "routing rule “Noise”" and not Escalation.objects.exists()
    house.alert(key="CPU")
    assert Escalation.objects.count() == 1


def test_an_expression_decides_and_one_that_fails_leaves_it_to_the_default_route(house):
    save({"name": "Bad disks", "expression": "severity == 'critical' && labels.alertname.startsWith('Di')", "then": {"severity": "SEV1"}})
    house.alert(key="Disk")
    assert Alert.objects.get().severity == "SEV1"
    save({"name": "Fails", "expression": "labels.alertname > 3"}, {"name": "All", "then": {"severity": "SEV4"}})
    house.alert(key="CPU")
    alert = Alert.objects.latest("id")
    assert alert.severity == "SEV2" and any("default route" in line and "Fails" in line for line in alert.trace)
    save({"name": "A label that is not there", "expression": "labels.nothing == 'x'"}, {"name": "All", "then": {"severity": "SEV4"}})
    house.alert(key="RAM")
    assert Alert.objects.latest("id").severity == "SEV4"


def test_a_pattern_that_would_explode_elsewhere_takes_no_time(house):
    save(
        {"name": "Bomb", "conditions": [condition("(a+)+$", operator="regex", field="title")]},
        {"name": "All", "then": {"severity": "SEV4"}},
    )
    house.alert(key="a" * 900 + "!")
    assert Alert.objects.get().severity == "SEV4"


def test_each_change_is_a_version_with_its_author_and_can_be_taken_back():
    first = save({"name": "A"}, {"name": "B", "enabled": False}, note="To begin with")
    assert (first.number, [rule["id"] for rule in first.rules], first.note) == (1, [1, 2], "To begin with")
    second = save(first.rules[1])
    assert second.number == 2 and queries_routing.current().pk == second.pk
    assert save(second.rules[0]).pk == second.pk, "the same list again is no new version"
    third = routing.restore(1, severities=SEVERITIES, by=SYSTEM, now=clock.now(), expected=2)
    assert (third.number, third.restored_from, third.rules) == (3, 1, first.rules)
    fourth = save(*third.rules, {"name": "C"})
    assert [rule["id"] for rule in fourth.rules] == [1, 2, 3]
    said = list(AuditEntry.objects.filter(object_kind="routing_rules").order_by("id").values_list("text", flat=True))
    assert "removed “A”" in said[1] and "version 1 again" in said[2] and "added “C”" in said[3]


def test_whoever_saw_an_older_version_is_told():
    save({"name": "A"})
    with pytest.raises(Refused) as refused:
        save({"name": "B"}, expected=0)
    assert refused.value.status == 409
    with pytest.raises(Refused) as refused:
        save({"name": "A", "conditions": [condition("(", operator="regex")]})
    assert "0.conditions.0.value" in refused.value.errors and "Rule 1 “A”" in refused.value.detail
    with pytest.raises(Refused):
        save({"id": 77, "name": "Of somewhere else"})


def test_an_alert_that_is_looked_at_again_is_routed_as_its_source_told_it(house):
    search = operations.create_service(name="search", by=SYSTEM, now=clock.now())
    save({"name": "Move", "conditions": [{"field": "service", "operator": "absent"}], "then": {"service": search.pk}})
    house.alert(key="Disk")
    alert = Alert.objects.select_related("service", "integration").get()
    assert alert.service_id == search.pk
    assert queries.subject(alert, alert.integration).service == ""
