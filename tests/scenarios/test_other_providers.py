"""Any provider with an HTTP interface sends texts and calls: the known ones as they document themselves, others by a recipe of one's own."""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
from contextlib import ExitStack
from typing import Any
from urllib.parse import urlencode, urlsplit
from xml.etree import ElementTree

import pytest
from django.test import Client

from tests import twilio as twilios
from tests.integrations.standing_in import Asked, StandIn, running
from tocsin.accounts.actor import Actor
from tocsin.integrations.registry import GATEWAYS
from tocsin.lib.refusal import Refused
from tocsin.paging import messages
from tocsin.paging import operations as paging
from tocsin.paging import operations_providers as providers
from tocsin.paging.models import ContactMethod, Provider

ANA, NUMBER = "+4915112345601", "+46700000000"


class Provided(StandIn):
    """A provider: checks who asks, remembers what was sent, answers in its own form. `state` is what it says when it is asked."""

    def __init__(self, user: str = "user", password: str = "secret") -> None:
        super().__init__()
        self.basic = "Basic " + base64.b64encode(f"{user}:{password}".encode()).decode()
        self.state = ""

    @property
    def sent(self) -> list[Asked]:
        return [asked for asked in self.asked if asked.method == "POST"]

    def answer(self, asked: Asked) -> tuple[int, Any, dict[str, str]]:
        return self.asked_for(asked) if asked.method == "GET" else self.taken(asked)

    def asked_for(self, asked: Asked) -> tuple[int, Any, dict[str, str]]:
        raise NotImplementedError

    def taken(self, asked: Asked) -> tuple[int, Any, dict[str, str]]:
        raise NotImplementedError


class Elks(Provided):
    def taken(self, asked):
        if asked.headers.get("authorization") != self.basic:
            return 401, b"API access requires Basic HTTP authentication", {}
        if asked.path != "/a1/sms" or not asked.form["to"].startswith("+4"):
            return 400, b"Invalid to number", {}
        return 200, {"status": "created", "direction": "outgoing", "id": "s1", "cost": 5200, **asked.form}, {}

    def asked_for(self, asked):
        return 200, {"id": asked.path.rpartition("/")[2], "status": self.state or "sent"}, {}


class Vonage(Provided):
    def taken(self, asked):
        said = asked.json
        if (said["api_key"], said["api_secret"]) != ("user", "secret"):
            return 200, {"message-count": "1", "messages": [{"status": "4", "error-text": "Bad Credentials"}]}, {}
        if not said["to"].isdigit():
            return 200, {"message-count": "1", "messages": [{"status": "3", "error-text": "Invalid value for param: to"}]}, {}
        return (
            200,
            {
                "message-count": "1",
                "messages": [{"to": said["to"], "message-id": "v1", "status": self.state or "0", "error-text": "Throttled"}],
            },
            {},
        )


class Plivo(Provided):
    def taken(self, asked):
        if asked.headers.get("authorization") != self.basic:
            return 401, {"error": "authentication failed", "api_id": "x"}, {}
        if asked.path == "/v1/Account/user/Message/":
            return 202, {"message": "message(s) queued", "message_uuid": ["p1"], "api_id": "x"}, {}
        return 201, {"message": "call fired", "request_uuid": "c1", "api_id": "x"}, {}

    def asked_for(self, asked):
        return 200, {"message_uuid": "p1", "message_state": self.state or "sent"}, {}


class MessageBird(Provided):
    def taken(self, asked):
        if asked.headers.get("authorization") != "AccessKey secret":
            return (
                401,
                {"errors": [{"code": 2, "description": "Request not allowed (incorrect access_key)", "parameter": "access_key"}]},
                {},
            )
        return (
            201,
            {"id": "m1", "recipients": {"totalCount": 1, "items": [{"recipient": int(asked.json["recipients"][0]), "status": "sent"}]}},
            {},
        )

    def asked_for(self, asked):
        return 200, {"id": "m1", "recipients": {"items": [{"status": self.state or "sent", "statusReason": "unknown subscriber"}]}}, {}


@pytest.fixture
def serve():
    """Make a stand-in answer; all are gone at the end."""
    with ExitStack() as stack:

        def start(standin):
            stack.enter_context(running(standin))
            return standin

        yield start


@pytest.fixture
def person(world):
    """Ana by texts or calls alone."""

    def reach(kind="sms"):
        ContactMethod.objects.filter(user=world.ana).delete()
        paging.add_method(world.ana, kind=kind, address=ANA, verified=True, by=Actor.of(world.ana, "web"), now=world.now)
        return world.ana

    return reach


def account(world, kind, standin, **values):
    given = {"user": "user", "password": "secret", "sender": NUMBER, "base_url": standin.url, "signatures": "address", **values}
    known = {field.name for field in GATEWAYS[kind].fields}
    return providers.create_provider(
        kind=kind, name="Provider", values={name: value for name, value in given.items() if name in known}, by=world.by, now=world.now
    )


def tell(url, body, *, as_json=False, **headers):
    """The provider calls that address of ours."""
    path = urlsplit(url).path
    if as_json:
        return Client().post(path, json.dumps(body), content_type="application/json", headers=headers)
    return Client().post(path, urlencode(body), content_type="application/x-www-form-urlencoded", headers=headers)


def only(world, person):
    return world.pages(user=person, kind="page")[-1]


def test_46elks_takes_a_text_reports_and_brings_replies(world, serve, person):
    elks, ana = serve(Elks()), person()
    row = account(world, "elks_sms", elks)
    world.policy([ana])
    alert = world.alert("Checkout is down")
    form = elks.sent[0].form
    assert (
        (form["from"], form["to"]) == (NUMBER, ANA)
        and "Checkout is down" in form["message"]
        and "Reply 1 to acknowledge" in form["message"]
    )
    assert tell(form["whendelivered"], {"id": "s1", "status": "delivered", "delivered": "2026-01-01T10:00:00"}).status_code == 204
    assert only(world, ana).state == "delivered" and only(world, ana).outcome == "Provider: delivered"
    answer = tell(messages.inbound(row), {"direction": "incoming", "id": "s9", "from": ANA, "to": NUMBER, "message": "1"})
    assert answer.content == b"You have it: SEV2 Checkout is down." and answer["Content-Type"] == "text/plain; charset=utf-8"
    assert world.escalation(alert).status == "acknowledged"


def test_46elks_refuses_a_number_and_the_next_step_follows_at_once(world, serve, person):
    elks, ana = serve(Elks()), person()
    account(world, "elks_sms", elks)
    ContactMethod.objects.filter(user=ana).update(address="+15005550001")
    world.policy([ana], [world.ben])
    world.alert("Checkout is down")
    world.phone.expect(world.ben, "Checkout is down")
    assert only(world, ana).outcome == "Provider: Invalid to number" and Provider.objects.get().failures == 0


def test_vonage_takes_digits_reports_by_json_and_says_why_it_refuses(world, serve, person):
    vonage, ana = serve(Vonage()), person()
    row = account(world, "vonage_sms", vonage)
    world.policy([ana])
    alert = world.alert()
    sent = vonage.sent[0].json
    assert (sent["to"], sent["from"]) == (ANA[1:], NUMBER[1:]) and only(world, ana).provider_id == "v1"
    tell(sent["callback"], {"msisdn": ANA[1:], "messageId": "v1", "status": "delivered", "err-code": "0"}, as_json=True)
    assert only(world, ana).outcome == "Provider: delivered"
    tell(messages.inbound(row), {"msisdn": ANA[1:], "to": NUMBER[1:], "text": "Ack", "messageId": "v2"}, as_json=True)
    assert world.escalation(alert).acknowledged_via == "sms"


def test_vonage_that_rejects_a_text_later_is_replaced_by_the_next_step(world, serve, person):
    vonage, ana = serve(Vonage()), person()
    account(world, "vonage_sms", vonage)
    world.policy([ana], [world.ben])
    world.alert("Checkout is down")
    tell(vonage.sent[0].json["callback"], {"messageId": "v1", "status": "rejected", "err-code": "10"}, as_json=True)
    world.settle()
    world.phone.expect(world.ben, "Checkout is down")
    assert only(world, ana).outcome == "Provider: rejected: 10"


def test_an_answer_of_200_that_is_no_success_is_none(world, serve, person):
    vonage, ana = serve(Vonage()), person()
    account(world, "vonage_sms", vonage, password="wrong")
    world.policy([ana], [world.ben])
    world.alert("Checkout is down")
    world.phone.expect(world.ben, "Checkout is down")
    assert only(world, ana).outcome == "Provider: Bad Credentials" and Provider.objects.get().failures == 1


def test_plivo_is_asked_after_a_minute(world, serve, person):
    plivo, ana = serve(Plivo()), person()
    account(world, "plivo_sms", plivo)
    world.policy([ana])
    world.alert()
    assert plivo.sent[0].json["dst"] == ANA
    plivo.state = "delivered"
    world.advance(seconds=61)
    assert only(world, ana).state == "delivered"


def test_plivo_calls_ask_what_to_say_and_take_keys(world, serve, person):
    plivo, ana = serve(Plivo()), person("voice")
    account(world, "plivo_voice", plivo)
    world.policy([ana])
    alert = world.alert("Checkout <b> is down")
    url = plivo.sent[0].json["answer_url"]
    script = ElementTree.fromstring(
        tell(url, {"CallUUID": "u", "RequestUUID": "c1", "CallStatus": "in-progress", "Event": "StartApp"}).content
    )
    said = script.find("GetInput/Speak").text
    assert "severity 2, Checkout b is down" in said and "Press 4 to acknowledge" in said and only(world, ana).state == "accepted"
    pressed = tell(script.find("GetInput").get("action"), {"CallUUID": "u", "RequestUUID": "c1", "Digits": "4"}).content
    assert ElementTree.fromstring(pressed).find("Speak").text == "You have it: SEV2 Checkout <b> is down."
    tell(url, {"RequestUUID": "c1", "Event": "Hangup", "CallStatus": "completed"})
    assert world.escalation(alert).status == "acknowledged" and only(world, ana).state == "delivered"


@pytest.mark.parametrize("told", [{"Event": "MachineDetection", "Machine": "true"}, {"Event": "Hangup", "CallStatus": "busy"}])
def test_a_machine_or_a_busy_line_at_plivo_is_nobody(world, serve, person, told):
    plivo, ana = serve(Plivo()), person("voice")
    account(world, "plivo_voice", plivo)
    world.policy([ana], [world.ben])
    world.alert("Checkout is down")
    tell(plivo.sent[0].json["hangup_url"], {"RequestUUID": "c1", **told})
    world.settle()
    world.phone.expect(world.ben, "Checkout is down")


def test_messagebird_is_asked_and_says_why_it_failed(world, serve, person):
    bird, ana = serve(MessageBird()), person()
    account(world, "messagebird_sms", bird, token="secret")
    world.policy([ana], [world.ben])
    world.alert("Checkout is down")
    assert bird.sent[0].json["recipients"] == [ANA[1:]] and "Acknowledge: http" in bird.sent[0].json["body"]
    bird.state = "delivery_failed"
    world.advance(seconds=61)
    world.phone.expect(world.ben, "Checkout is down")
    assert only(world, ana).outcome == "Provider: delivery_failed: unknown subscriber"


def test_the_account_of_the_longest_prefix_sends_and_another_takes_over_where_it_is_down(world, serve, person):
    elks, twilio, ana = serve(Elks()), serve(twilios.Twilio()), person()
    german = account(world, "elks_sms", elks)
    providers.change_provider(german, prefixes=["+49"], by=world.by, now=world.now)
    values = {"account_sid": twilios.SID, "auth_token": twilios.TOKEN, "sender": twilios.NUMBER, "base_url": twilio.url}
    providers.create_provider(kind="twilio_sms", name="Twilio", values=values, by=world.by, now=world.now)
    world.policy([ana])
    world.alert()
    assert len(elks.sent) == 1 and not twilio.texts
    world.advance(seconds=61)
    elks.trouble = [(503, b"down", {})]
    world.alert("Search is slow")
    assert len(twilio.texts) == 1 and only(world, ana).account.name == "Twilio"


# -- a recipe of one's own ------------------------------------------------------------------------------------------------


class Gate(Provided):
    """A provider nobody has heard of."""

    def taken(self, asked):
        if asked.headers.get("x-key") != "the token":
            return 403, {"ok": False, "why": "unknown key"}, {}
        return 200, {"ok": True, "nr": 77}, {}


def own(world, gate, **values):
    recipe = {
        "url": f"{gate.url}/send/{{{{ to }}}}", "token": "the token", "headers": "X-Key: {{ token }}", "sender": NUMBER,
        "body": '{"t": "{{ text }}", "cb": "{{ callback }}", "idem": "{{ key }}", "n": 1}', "success": "status == 200 and body.ok", "id": "body.nr",
        "reason": "body.why", "report": "body.state", "report_id": "body.nr", "failed": "lost", "signing_secret": "sign", "signature_header": "X-Sig",
    }  # fmt: skip
    return providers.create_provider(kind="http_sms", name="Gate", values={**recipe, **values}, by=world.by, now=world.now)


def test_a_recipe_of_ones_own_sends_and_reads_signed_reports(world, serve, person):
    gate, ana = serve(Gate()), person()
    own(world, gate)
    world.policy([ana])
    world.alert('Checkout "down" \\ {{ token }}')
    asked = gate.sent[0]
    assert asked.path == "/send/%2B4915112345601" and 'Checkout "down" \\ {{ token }}' in asked.json["t"] and asked.json["n"] == 1
    assert asked.json["idem"] == f"tocsin-{only(world, ana).pk}" and only(world, ana).provider_id == "77"
    body = json.dumps({"nr": 77, "state": "delivered"})
    signature = hmac.new(b"sign", body.encode(), hashlib.sha256).hexdigest()
    path = urlsplit(asked.json["cb"]).path
    assert Client().post(path, body, content_type="application/json").status_code == 403
    assert Client().post(path, body + " ", content_type="application/json", headers={"X-Sig": signature}).status_code == 403
    assert only(world, ana).state == "accepted"
    assert Client().post(path, body, content_type="application/json", headers={"X-Sig": f"sha256={signature}"}).status_code == 204
    assert only(world, ana).state == "delivered"


def test_a_recipe_whose_key_is_refused_says_why_and_rests_after_three(world, serve, person):
    gate, ana = serve(Gate()), person()
    own(world, gate, token="old")
    world.policy([ana], [world.ben])
    world.alert("Checkout is down")
    world.phone.expect(world.ben, "Checkout is down")
    assert only(world, ana).outcome == "Gate: unknown key" and Provider.objects.get().failures == 1


@pytest.mark.parametrize(
    ("values", "field"),
    [
        ({"url": "ftp://x"}, "url"), ({"url": "{{ to"}, "url"), ({"body": '{"a": '}, "body"), ({"body": "no sign"}, "body"), ({"headers": "x"}, "headers"),
        ({"success": "status =="}, "success"), ({"method": "DELETE"}, "method"), ({"answer_type": "text/html"}, "answer_type"),
        ({"body": "a={% for x in range(9) %}{% endfor %}"}, "body"), ({"id": "debug()"}, "id"), ({"ask_url": "nowhere"}, "ask_url"),
        ({"body": "a={{ 'x' * 9999999 }}"}, "body"),
    ],
)  # fmt: skip
def test_a_recipe_that_cannot_be_is_refused_with_a_sentence_for_the_field(world, serve, values, field):
    with pytest.raises(Refused) as refused:
        own(world, serve(Gate()), **values)
    assert list(refused.value.errors) == [f"values.{field}"]


def test_the_address_of_a_recipe_cannot_be_changed_without_its_secrets(world, serve):
    row = own(world, serve(Gate()))
    with pytest.raises(Refused):
        providers.change_provider(row, values={"url": "https://stranger.example/{{ to }}"}, by=world.by, now=world.now)
