"""The pages of routing rules: kept by small steps, simulated, tried, and told for an alert."""

from __future__ import annotations

import json

import pytest

from tests.rooms.test_receiving_events import House
from tocsin import clock
from tocsin.accounts.models import Role, User
from tocsin.alerts import queries_routing, trying
from tocsin.alerts.models import Alert, RoutingTrial
from tocsin.procedures import operations as procedures

pytestmark = pytest.mark.django_db


@pytest.fixture
def house():
    return House()


@pytest.fixture
def ada(client):
    ada = User.objects.create_user("ada@example.com", "a long enough password", name="Ada", role=Role.ADMINISTRATOR)
    client.force_login(ada)
    return ada


def rule(**fields):
    return {"version": queries_routing.current().number, "name": "Disks", "enabled": "1", "match": "all", "field": ["labels.alertname", ""],
            "operator": ["equals", "equals"], "value": ["Disk", ""], "action": "save", **fields}  # fmt: skip


def names():
    return [one["name"] for one in queries_routing.current().rules]


def test_a_rule_is_made_changed_moved_switched_off_and_removed(client, ada, house):
    made = client.post("/routing/new/", rule(service=house.service.pk, severity="SEV1", labels="team = {labels.alertname}", links="Graphs | https://g.example/{title}",
                                            group_by="host, cluster", **{"then-group_minutes": "15", "hours": "outside", "hours-from": "09:00", "hours-to": "17:00",
                                            "hours-zone": "Europe/Berlin", "days": ["0", "1"]}))  # fmt: skip
    assert made.status_code == 303, made.content.decode()
    one = queries_routing.current().rules[0]
    assert (
        one["then"]["group_by"] == ["host", "cluster"]
        and one["then"]["links"][0]["address"] == "https://g.example/{title}"
        and not one["hours"]["inside"]
    )
    assert client.post("/routing/new/", rule(name="Rest", field="", value="", operator="equals")).status_code == 303
    shown = client.get("/routing/").content.decode()
    assert "label alertname is “Disk”" in shown and "outside Monday, Tuesday" in shown and "no alert in 7 days" in shown
    again = client.get("/routing/rules/1/").content.decode()
    assert "Graphs | https://g.example/{title}" in again and 'value="15"' in again
    for action, after in (
        ("up:2", ["Rest", "Disks"]),
        ("down:2", ["Disks", "Rest"]),
        ("to:2:0", ["Rest", "Disks"]),
        ("to:2:9", ["Disks", "Rest"]),
        ("toggle:1", ["Disks", "Rest"]),
        ("remove:2", ["Disks"]),
    ):
        assert client.post("/routing/", {"action": action, "version": queries_routing.current().number}).status_code == 303
        assert names() == after
    assert not queries_routing.current().rules[0]["enabled"]
    assert client.post("/routing/versions/", {"number": "2"}).status_code == 303 and names() == ["Disks", "Rest"]
    assert "Version 2 again" in client.get("/routing/versions/").content.decode()


def test_mistakes_stand_beside_their_fields_and_what_was_typed_stays(client, ada):
    refused = client.post("/routing/new/", rule(field="team", expression="labels.", name="Kept name", **{"then-runbook": "ftp://x"}))
    page = refused.content.decode()
    assert refused.status_code == 422 and "labels.NAME" in page and 'value="Kept name"' in page and 'value="ftp://x"' in page
    assert queries_routing.current().number == 0
    more = client.post("/routing/new/", rule(action="add")).content.decode()
    assert more.count('name="operator"') == 2 and queries_routing.current().number == 0


def test_whoever_is_late_is_told(client, ada):
    client.post("/routing/new/", rule())
    late = client.post("/routing/rules/1/", rule(version=0, name="Late"))
    assert late.status_code == 422 and "came into force meanwhile" in late.content.decode() and names() == ["Disks"]
    assert client.get("/routing/rules/99/").status_code == 404


def test_others_read_and_change_nothing(client, ada):
    client.post("/routing/new/", rule())
    client.force_login(User.objects.create_user("ben@example.com", "a long enough password", name="Ben", role=Role.RESPONDER))
    assert "Disks" in client.get("/routing/").content.decode() and "New rule" not in client.get("/routing/").content.decode()
    client.post("/routing/", {"action": "remove:1", "version": "1"})
    assert names() == ["Disks"] and client.get("/routing/new/").status_code == 403


def test_a_simulation_explains_and_an_alert_tells_why(client, ada, house):
    client.post("/routing/new/", rule(severity="SEV1"))
    raw = house.alert(key="Disk")
    page = client.get(f"/routing/simulate/?event={raw.pk}").content.decode()
    assert "matches: decides severity SEV1" in page and "Ana" in page
    body = json.dumps({"alerts": [{"status": "firing", "labels": {"alertname": "CPU"}}]})
    page = client.post("/routing/simulate/", {"integration": house.integration.pk, "body": body}).content.decode()
    assert "label alertname is “CPU”, wanted “Disk”: does not match" in page
    wrong = client.post("/routing/simulate/", {"integration": house.integration.pk, "body": "nonsense"})
    assert wrong.status_code == 422 and "nonsense" in wrong.content.decode()
    alert = Alert.objects.get()
    told = client.get(f"/alerts/{alert.pk}/trace/").content.decode()
    assert "Why was I paged?" in told and "matches: decides severity SEV1" in told
    assert "1 alert in 7 days" in client.get("/routing/").content.decode()


def test_a_change_is_tried_and_then_saved(client, ada, house):
    house.alert(key="Disk")
    begun = client.post("/routing/new/", rule(severity="SEV4", action="try"))
    assert begun.status_code == 303 and queries_routing.current().number == 0
    trial = RoutingTrial.objects.get()
    assert "It waits for a worker" in client.get(f"/routing/trials/{trial.pk}/?fragment=trial").content.decode()
    trying.run(trial.pk, procedures.document(procedures.current()), clock.now())
    page = client.get(f"/routing/trials/{trial.pk}/").content.decode()
    assert "It would have paged Payments 1 times less" in page and "Save the rules" in page
    assert client.post(f"/routing/trials/{trial.pk}/", {"note": "Quieter"}).status_code == 303
    assert names() == ["Disks"] and queries_routing.current().note == "Quieter"
