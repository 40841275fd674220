"""A page by a service that only apprise knows: proved by a code, answered by its link, kept secret, replaced at once when it fails."""

from __future__ import annotations

import re
from dataclasses import dataclass

import pytest
from django.test import Client

from tests.integrations.standing_in import Asked, StandIn, running
from tocsin.api.contact_methods import shape
from tocsin.integrations.apprise.egress import plugin_module
from tocsin.lib.refusal import Refused
from tocsin.paging import operations as paging
from tocsin.paging.models import ContactMethod, Notification

TOKEN = "AZkT9.s3cr3t-token"


@dataclass
class Gotify(StandIn):
    """Gotify's message API: an application's token, a message with title and priority."""

    def answer(self, asked: Asked):
        if asked.path != "/message":
            return 404, {"error": "Not Found", "errorCode": 404, "errorDescription": "page not found"}, {}
        if asked.headers.get("x-gotify-key") != TOKEN:
            return 401, {"error": "Unauthorized", "errorCode": 401, "errorDescription": "you need to provide a valid access token"}, {}
        assert asked.json["message"]
        return 200, {"id": len(self.asked), "appid": 1, "date": "2026-01-01T00:00:00Z", **asked.json}, {}


@dataclass
class Discord(StandIn):
    """Discord's webhooks: 204 without a body; 2,000 characters at most."""

    def answer(self, asked: Asked):
        if asked.path != "/api/webhooks/4711/whk-token_1":
            return 404, {"message": "Unknown Webhook", "code": 10015}, {}
        said = asked.json
        if not said.get("content") or len(said["content"]) > 2000:
            return 400, {"content": ["Must be 2000 or fewer in length."]}, {}
        return 204, b"", {}


@pytest.fixture
def gotify(world):
    """Ben is reached by Gotify alone."""
    server = Gotify()
    with running(server):
        ContactMethod.objects.filter(user=world.ben).update(enabled=False)
        yield server


def add(world, server, *, token: str = TOKEN, **fields) -> ContactMethod:
    url = f"gotify://{server.url.removeprefix('http://')}/{token}?priority=high"
    return paging.add_method(world.ben, kind="apprise", address=url, by=world.by, now=world.now, **fields)


def page(world) -> Notification:
    return Notification.objects.filter(user=world.ben, kind="page").latest("id")


def test_it_is_proved_by_a_code_and_a_page_is_acknowledged_by_its_link(world, gotify):
    method = add(world, gotify)
    world.settle()
    code = re.search(r"\d{6}", gotify.asked[-1].json["message"]).group()
    paging.verify(method, code, by=world.by, now=world.now)
    world.policy([world.ben], [world.ana])
    alert = world.alert("Checkout is down")
    said = gotify.asked[-1].json
    assert "Checkout is down" in said["title"] and "Why you:" in said["message"]
    assert (page(world).state, page(world).outcome) == ("accepted", "Gotify took it (it answered 200)")
    link = re.search(r"Acknowledge: http://localhost:8000(\S+)", said["message"]).group(1)
    assert Client().get(link).status_code == 200 and world.escalation(alert).status == "running"  # opening it changes nothing
    assert Client().post(link).status_code in (200, 302, 303)
    run = world.escalation(alert)
    assert (run.status, run.acknowledged_by, run.acknowledged_via) == ("acknowledged", world.ben, "link")
    world.advance(hours=1)  # nobody else is paged


def test_the_address_is_stored_encrypted_and_never_shown_whole(world, gotify, caplog):
    method = add(world, gotify, verified=True)
    row = ContactMethod.objects.get(pk=method.pk)
    shown = f"{shape(row)}{row.address}{row.sealed}{row.label}"
    assert TOKEN not in shown and row.address.startswith("gotify://…") and gotify.url.removeprefix("http://") not in shown
    with pytest.raises(Refused):
        add(world, gotify, verified=True)  # it is there already
    assert add(world, gotify, token="another-token", verified=True).address != row.address
    gotify.trouble += [(500, {"error": f"no such {TOKEN}"}, {}), (401, {"error": "x"}, {})]
    world.policy([world.ben], [world.ana])
    world.alert()
    world.advance(minutes=6)
    world.phone.expect(world.ana)
    traces = "".join(str(row.history) + row.outcome for row in Notification.objects.all())
    assert TOKEN not in traces and "s3cr3t-token" not in traces + caplog.text


def test_a_refusal_starts_the_next_way_at_once_and_says_what_the_service_said(world, gotify):
    add(world, gotify, token="revoked-token", verified=True)
    other = world.method(world.ben, "+491")
    paging.add_rule(world.ben, contact_method=other.pk, after_seconds=600, by=world.by, now=world.now)
    paging.add_rule(world.ben, contact_method=ContactMethod.objects.get(kind="apprise").pk, by=world.by, now=world.now)
    world.policy([world.ben])
    world.alert()
    world.phone.expect(world.ben, number="+491")
    failed = Notification.objects.get(kind="page", method_kind="apprise")
    assert (failed.state, failed.outcome) == ("failed", "Gotify answered 401: Unauthorized")


def test_a_service_that_is_busy_is_tried_again_as_it_asks(world, gotify):
    add(world, gotify, verified=True)
    world.policy([world.ben])
    gotify.trouble += [(503, {"error": "Busy"}, {"Retry-After": "20"})]
    world.alert()
    assert page(world).state == "pending" and len(gotify.asked) == 1
    world.advance(seconds=21)
    assert page(world).state == "accepted" and len(gotify.asked) == 2
    assert "Gotify answered 503: Busy" in str(page(world).history)


def test_a_redirect_inside_is_a_failure_and_the_next_step_begins(world, gotify):
    add(world, gotify, verified=True)
    world.policy([world.ben], [world.ana])
    gotify.trouble += [(302, {}, {"Location": "http://169.254.169.254/latest/meta-data/"})]
    world.alert()
    world.phone.expect(world.ana)
    assert "do not follow" in page(world).outcome and len(gotify.asked) == 1


def test_discord_gets_one_message_that_fits_and_a_test_page_shows_what_became_of_it(world, monkeypatch):
    server = Discord()
    with running(server):
        monkeypatch.setattr(plugin_module("discord").NotifyDiscord, "notify_url", server.url + "/api/webhooks")
        method = paging.add_method(
            world.ben,
            kind="apprise",
            address="discord://4711/whk-token_1?overflow=split&image=no",
            verified=True,
            by=world.by,
            now=world.now,
        )
        test = paging.send_test(method, by=world.by, now=world.now)
        world.settle()
        test.refresh_from_db()
        assert [line["state"] for line in test.history] == ["pending", "sending", "accepted"]
        assert test.outcome == "Discord took it (it answered 204)" and "test page that Ana asked for" in server.asked[0].json["content"]
        ContactMethod.objects.filter(user=world.ben).exclude(pk=method.pk).update(enabled=False)
        world.policy([world.ben])
        world.alert("Pay @everyone " + "x" * 250)
        assert len(server.asked) == 2 and "@everyone" not in server.asked[1].body.decode()
        assert "http://localhost:8000/ack/" in server.asked[1].json["content"]
        gone = paging.add_method(world.ben, kind="apprise", address="discord://4711/other", verified=True, by=world.by, now=world.now)
        test = paging.send_test(gone, by=world.by, now=world.now)
        world.settle()
        test.refresh_from_db()
        assert (test.state, test.outcome) == ("failed", "Discord answered 404: Unknown Webhook")
