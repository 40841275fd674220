"""The owner of an integration says how its messages are read: what they say goes before the guess, and never loses an event."""

import json

import pytest

from tests.rooms.test_receiving_events import House
from tocsin import clock
from tocsin.accounts.actor import SYSTEM
from tocsin.accounts.models import AuditEntry, Role, User
from tocsin.alerts import operations
from tocsin.alerts.models import Alert, RawEvent
from tocsin.integrations import mapping
from tocsin.lib.refusal import Refused
from tocsin.response.preview_mapping import preview

pytestmark = pytest.mark.django_db
BODY = {
    "report": [
        {"what": "Disk full", "how": "purple", "host": "db1", "kind": "alert", "opened": "2026-11-23T10:00:00Z"},
        {"what": "Deployed", "kind": "note"},
        "nonsense",
    ]
}
RULES = {
    "items": "body.report", "when": 'item.kind == "alert"', "title": 'item.what + " on " + item.host', "severity": "item.how",
    "dedup_key": "item.host", "started_at": "item.opened", "labels": '{"host": item.host, "via": headers["user-agent"]}',
}  # fmt: skip


def house(**rules):
    made = House(kind="generic")
    operations.change_integration(made.integration, by=SYSTEM, now=clock.now(), **rules)
    return made


def test_fields_are_taken_by_the_owners_expressions_and_what_is_no_alert_is_left_out():
    made = house(mapping=RULES, severity_words={"purple": "critical"})
    raw = made.send(BODY, headers={"user-agent": "reporter"})
    made.fold()
    raw.refresh_from_db()
    assert [one["change"] for one in raw.outcomes] == ["opened", "ignored", "refused"]
    alert = Alert.objects.get()
    assert (alert.title, alert.source_severity, alert.dedup_key) == ("Disk full on db1", "critical", "db1")
    assert alert.labels == {"host": "db1", "via": "reporter"} and f"{alert.started_at:%H:%M}" == "10:00"


def test_an_expression_that_fails_falls_back_to_the_guess_and_says_so():
    made = house(mapping={"title": "item.title + 1", "severity": "item.nowhere", "link": "item.title"})
    raw = made.send({"title": "Disk full", "severity": "major", "url": "https://x.example/"})
    made.fold()
    raw.refresh_from_db()
    alert = Alert.objects.get()
    assert (alert.title, alert.source_severity, alert.link) == ("Disk full", "error", "https://x.example/")
    assert raw.state == "done" and "mapping of title: two values in it do not go together" in raw.outcomes[0]["reason"]
    assert "mapping of link: it has to say an address" in raw.outcomes[0]["reason"] and "severity" not in raw.outcomes[0]["reason"]


def test_a_mapping_that_runs_out_of_time_loses_no_event(monkeypatch):
    monkeypatch.setattr("tocsin.lib.cel.BUDGET", 0.0)
    monkeypatch.setattr(mapping.cel.Budget.__init__, "__defaults__", (0.0,))
    made = house(mapping={"title": '"other"', "when": "false"})
    raw = made.send({"title": "Disk full"})
    made.fold()
    raw.refresh_from_db()
    assert Alert.objects.get().title == "Disk full" and "time" in raw.outcomes[0]["reason"]


def test_identity_labels_make_the_key_and_ignored_labels_are_left_out_of_it():
    made = house(identity_labels=["host"])
    for pod in ("a", "b"):
        made.send({"title": f"Slow {pod}", "labels": {"host": "db1", "pod": pod}})
    made.send({"title": "No labels at all"})
    made.fold()
    assert sorted(Alert.objects.values_list("dedup_key", "event_count")) == [("labels:host=db1", 2), ("title:No labels at all", 1)]
    assert "bears none of the labels" in RawEvent.objects.latest("id").outcomes[0]["reason"]

    other = House.__new__(House)
    other.integration = operations.create_integration(name="P", kind="alertmanager", ignored_labels=["pod"], by=SYSTEM, now=clock.now())
    for pod in ("a", "b"):
        other.send({"alerts": [{"status": "firing", "labels": {"alertname": "X", "pod": pod}}]})
    other.fold()
    assert Alert.objects.get(integration=other.integration).event_count == 2


def test_what_cannot_be_used_is_refused_beside_its_field_and_a_change_is_kept_in_the_audit():
    with pytest.raises(Refused) as refused:
        house(mapping={"title": "item.", "colour": "1", "items": "body.map(x, x)", "status": "boddy.x"}, severity_words={"x": "purple"})
    assert set(refused.value.errors) == {"mapping", "mapping.title", "mapping.items", "mapping.status", "severity_words"}
    made = House.__new__(House)
    made.integration = operations.create_integration(name="Q", kind="generic", by=SYSTEM, now=clock.now())
    operations.change_integration(made.integration, mapping={"title": "item.x"}, by=SYSTEM, now=clock.now())
    assert AuditEntry.objects.latest("id").data["mapping"] == [{}, {"title": "item.x"}]


def test_the_preview_shows_both_readings_and_what_becomes_of_the_keys():
    made = house()
    for pod in ("a", "b", "c"):
        made.send({"title": f"Slow {pod}", "labels": {"host": "db1"}})
    made.send(b"\xff\xfe")
    seen = preview(made.integration, mapping.Rules({"title": "item.title + 1"}, identity=("host",)))
    assert (seen.keys.events, seen.keys.before, seen.keys.after, seen.keys.merged, seen.keys.split) == (3, 3, 1, 1, 0)
    assert seen.rows[0].error and [len(row.pairs) for row in seen.rows] == [0, 1, 1, 1]
    [(before, after)] = seen.rows[1].pairs
    assert before.event.dedup_key == "title:Slow c" and after.event.dedup_key == "labels:host=db1" and after.paths["title"] == "title"
    assert seen.errors["title"][1] == 3
    assert not Alert.objects.exists()


@pytest.fixture
def admin(client):
    client.force_login(User.objects.create_user("root@example.com", name="Root", role=Role.ADMINISTRATOR))
    return client


def test_the_page_keeps_what_was_typed_says_what_is_wrong_and_saves_what_is_right(admin):
    made = house()
    made.send({"what": "{{ 7 * 7 }} {% load x %} <b>hot</b>", "host": "db1"})
    address = f"/integrations/{made.integration.pk}/mapping/"
    assert "{{ 7 * 7 }} {% load x %} &lt;b&gt;" in admin.get(address).content.decode()
    wrong = admin.post(address, {"m-title": "item.what +", "severity_words": "purple", "action": "save"})
    assert wrong.status_code == 422
    text = wrong.content.decode()
    assert "item.what +</textarea>" in text and "It breaks off at line 1" in text and "write one word a line" in text
    tried = admin.post(f"{address}?fragment=preview", {"m-title": "item.host"}).content.decode()
    assert tried.lstrip().startswith('<div id="preview"') and "item.host" in tried
    made.integration.refresh_from_db()
    assert made.integration.mapping == {}
    saved = admin.post(
        address, {"m-title": "item.host", "severity_words": "Purple = critical", "identity_labels": "a, b", "action": "save"}
    )
    assert saved.status_code == 303
    made.integration.refresh_from_db()
    assert (made.integration.mapping, made.integration.severity_words) == ({"title": "item.host"}, {"purple": "critical"})
    assert made.integration.identity_labels == ["a", "b"]


def test_the_api_previews_and_stores_a_mapping(admin):
    made = house()
    made.send({"title": "Disk full", "host": "db1"})
    address = f"/api/v1/integrations/{made.integration.pk}"
    seen = admin.post(f"{address}/mapping/preview", json.dumps({"mapping": {"title": "item.host"}}), content_type="application/json")
    [row] = seen.json()["items"]
    assert seen.status_code == 200 and (row["alerts"][0]["now"]["title"], row["alerts"][0]["then"]["title"]) == ("Disk full", "db1")
    wrong = admin.post(f"{address}/mapping/preview", json.dumps({"mapping": {"title": "(("}}), content_type="application/json")
    assert wrong.status_code == 422 and "mapping.title" in json.dumps(wrong.json())
    stored = admin.patch(address, json.dumps({"mapping": {"title": "item.host"}}), content_type="application/json")
    assert stored.json()["mapping"] == {"title": "item.host"}
