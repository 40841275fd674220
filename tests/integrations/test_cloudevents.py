"""CloudEvents 1.0 come in structured, in batches and in headers; a delivery that is repeated counts once."""

import http.client
import json
from datetime import UTC, datetime, timedelta

import pytest

from tests.live import until
from tests.rooms.test_receiving_events import House
from tocsin import clock
from tocsin.accounts.actor import Actor
from tocsin.alerts import operations_deliveries
from tocsin.alerts.models import Alert, ChangeEvent, Delivery
from tocsin.domain.ports import Received
from tocsin.integrations.registry import SOURCES
from tocsin.response import receive_events
from tocsin.response.replay import replay

AT = datetime(2026, 11, 26, 12, 0, tzinfo=UTC)
EVENT = {
    "specversion": "1.0", "id": "1", "source": "/shop/monitor", "type": "com.example.checkout.alert", "subject": "checkout-5xx",
    "data": {"title": "checkout: 5xx", "severity": "critical"},
}  # fmt: skip


def read(body, content_type="application/cloudevents+json", **headers):
    body = body if isinstance(body, bytes) else json.dumps(body).encode()
    heads = {name.replace("_", "-"): value for name, value in headers.items()}
    return SOURCES["cloudevents"].parse(Received(body, content_type, AT, headers=heads))


def test_binary_mode_says_the_same_as_structured_mode():
    heads = {f"ce_{name}": value for name, value in EVENT.items() if name != "data"}
    assert read(EVENT["data"], "application/json", **heads) == read(EVENT)


@pytest.mark.parametrize(("body", "content_type"), [
    (b"Disk full on db1", "text/plain"), (b"\x08\x96\x01\xff", "application/protobuf"), (b"", ""), (b'{"title": ', "application/json"), (b"a=b", "text/plain"),
])  # fmt: skip
def test_data_of_any_kind_is_an_alert_where_the_type_says_so(body, content_type):
    [event] = read(
        body, content_type, ce_id="1", ce_source="/s", ce_type="com.example.disk.alert", ce_specversion="1.0", ce_subject="db%201"
    )
    assert (event.status, event.dedup_key) == ("firing", "db 1") and event.title


@pytest.mark.parametrize(("kind", "data", "status"), [
    ("com.example.checkout.alert", None, "firing"), ("com.example.checkout.resolved", None, "resolved"), ("com.example.order.created", None, "change"),
    ("com.example.order.created", {"order": 7}, "change"), ("com.example.check", {"severity": "critical"}, "firing"),
    ("com.example.check", {"status": "resolved"}, "resolved"), ("com.example.checkout.resolved", {"severity": "critical"}, "resolved"),
])  # fmt: skip
def test_an_alert_is_told_from_a_change_by_type_or_data(kind, data, status):
    [event] = read({**EVENT, "type": kind, "data": data})
    assert event.status == status


@pytest.mark.django_db
def test_a_delivery_that_is_repeated_counts_once_and_says_so():
    house = House("cloudevents")
    house.send([EVENT, EVENT])  # within one batch
    house.fold()
    again = house.send(EVENT)
    other = house.send({**EVENT, "id": "2"})
    elsewhere = house.send({**EVENT, "source": "/other"})
    house.fold()
    for raw in (again, other, elsewhere):
        raw.refresh_from_db()
    assert [raw.outcomes[0]["change"] for raw in (again, other, elsewhere)] == ["ignored", "folded", "folded"]
    assert again.outcomes[0]["reason"] == "delivered before" and again.state == "done"
    assert Alert.objects.get().event_count == 3


@pytest.mark.django_db
def test_a_change_that_is_delivered_twice_is_one_change_and_a_replay_by_hand_counts():
    house = House("cloudevents")
    raw = house.send({**EVENT, "type": "com.example.deployed", "data": {"version": "4.2"}})
    house.send({**EVENT, "type": "com.example.deployed", "data": {"version": "4.2"}})
    house.fold()
    assert ChangeEvent.objects.count() == 1
    raw.refresh_from_db()
    replay(raw, Actor.of(house.ana, "web"), clock.now())
    house.fold()
    assert ChangeEvent.objects.count() == 2


@pytest.mark.django_db
def test_what_could_not_be_folded_is_not_remembered(monkeypatch):
    house = House("cloudevents")
    raw = house.send(EVENT)
    original = receive_events.alerts.fold_events

    def fails(*_, **__):
        raise RuntimeError("a mistake of ours")

    monkeypatch.setattr(receive_events.alerts, "fold_events", fails)
    receive_events.take()
    assert not Delivery.objects.exists()
    monkeypatch.setattr(receive_events.alerts, "fold_events", original)
    house.fold()
    raw.refresh_from_db()
    assert raw.outcomes[0]["change"] == "opened"


@pytest.mark.django_db
def test_deliveries_are_forgotten_after_a_day():
    house = House("cloudevents")
    house.send(EVENT)
    house.fold()
    assert operations_deliveries.forget_deliveries(clock.now() + timedelta(hours=23)) == 0
    assert operations_deliveries.forget_deliveries(clock.now() + timedelta(hours=25)) == 1


def test_a_sender_shakes_hands_and_sends_in_all_three_modes(live_server_process):
    tocsin = live_server_process
    integration = tocsin.api("POST", "/integrations", {"name": "Events", "kind": "cloudevents", "event_rate": 50})

    def call(method, body=b"", path=f"/in/{integration['key']}", **headers):
        line = http.client.HTTPConnection("127.0.0.1", tocsin.port, timeout=20)
        try:
            line.request(method, path, body, {name.replace("_", "-"): value for name, value in headers.items()})
            reply = line.getresponse()
            return reply.status, {name.lower(): value for name, value in reply.getheaders()}, reply.read()
        finally:
            line.close()

    status, headers, _ = call("OPTIONS", WebHook_Request_Origin="eventemitter.example.com", WebHook_Request_Rate="120")
    assert (status, headers["webhook-allowed-origin"], headers["webhook-allowed-rate"]) == (200, "eventemitter.example.com", "3000")
    assert "POST" in headers["allow"]
    assert call("OPTIONS", path="/in/unknown", WebHook_Request_Origin="x")[0] == 404
    structured = {"Content-Type": "application/cloudevents+json"}
    assert call("POST", json.dumps(EVENT).encode(), **structured)[0] == 202
    batch = [{**EVENT, "id": "2", "subject": "a"}, {**EVENT, "id": "3", "subject": "b"}]
    assert call("POST", json.dumps(batch).encode(), Content_Type="application/cloudevents-batch+json")[0] == 202
    binary = {"ce_specversion": "1.0", "ce_id": "4", "ce_source": "/shop", "ce_type": "com.example.disk.alert", "ce_subject": "db%201"}
    assert call("POST", b"\x08\x96\x01\xff", Content_Type="application/protobuf", **binary)[0] == 202
    assert call("POST", json.dumps(EVENT).encode(), **structured)[0] == 202  # delivered again
    for headers in (binary | {"ce_id": ""}, binary | {"ce_specversion": "0.3"}):
        assert call("POST", b"x", **headers)[0] == 400
    status, _, text = call("POST", json.dumps({**EVENT, "source": None}).encode(), **structured)
    assert status == 400 and "source" in json.loads(text)["error"]

    def alerts():
        return {one["dedup_key"]: one["event_count"] for one in tocsin.api("GET", f"/alerts?integration={integration['id']}")["items"]}

    assert until(alerts, lambda found: len(found) == 4) == {"checkout-5xx": 1, "a": 1, "b": 1, "db 1": 1}
