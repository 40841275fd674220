"""A page by a service that only apprise knows: proved by a code, answered by its link, kept secret, replaced at once when it fails."""

from __future__ import annotations

import re
from dataclasses import dataclass

import pytest
from django.test import Client

from tests.integrations.standing_in import Asked, StandIn, running
from tocsin.accounts.models import User
from tocsin.api.contact_methods import shape
from tocsin.integrations.apprise.egress import plugin_module
from tocsin.integrations.registry import NOTIFIERS
from tocsin.lib.refusal import Refused
from tocsin.paging import operations as paging
from tocsin.paging import operations_providers as providers
from tocsin.paging import operations_services, queries_providers
from tocsin.paging.models import ContactMethod, Escalation, Notification, Provider

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


def test_the_service_has_an_account_of_its_own_with_health_a_breaker_and_a_budget(world, gotify, settings):
    add(world, gotify, verified=True)
    add(world, gotify, token="another-token", verified=True)
    world.policy([world.ben])
    world.alert()
    service = Provider.objects.get()  # one for the host, whatever the token
    host = gotify.url.removeprefix("http://")
    assert (service.kind, service.name, service.settings) == ("apprise", f"Gotify at {host}", {"service": f"gotify://{host}"})
    assert service.sealed == "" and TOKEN not in str(service.__dict__) and service.failures == 0  # 401 is that one address's fault
    gotify.trouble += [(503, {"error": "Busy"}, {})] * 9
    world.advance(minutes=2)
    world.alert("Again")
    world.advance(seconds=60)
    service.refresh_from_db()
    assert queries_providers.standing(service, world.now) == "resting" and "Busy" in service.last_reason
    gotify.trouble.clear()
    world.advance(minutes=2)
    world.alert("And again")  # fails open: it is tried while it rests
    service.refresh_from_db()
    assert (service.failures, page(world).account) == (0, service)
    hours = queries_providers.hours(service, world.now)  # this one, and the one before where the story began near its end
    assert sum(hour.taken for hour in hours) >= 2 and sum(hour.refused for hour in hours) >= 3
    Provider.objects.update(budget=1)
    test = paging.send_test(ContactMethod.objects.filter(kind="apprise").first(), by=world.by, now=world.now)
    world.settle()
    test.refresh_from_db()
    assert test.state == "failed" and "only pages go out" in test.outcome
    for row in Escalation.objects.all():
        paging.acknowledge(alert_id=row.alert_id, by=world.by, now=world.now)


def test_a_service_that_an_administrator_switched_off_is_passed_over_at_once(world, gotify):
    add(world, gotify, verified=True)
    world.policy([world.ben], [world.ana])
    world.alert("First")
    client = Client()
    User.objects.filter(pk=world.cy.pk).update(role="administrator")
    client.force_login(User.objects.get(pk=world.cy.pk))
    service = Provider.objects.get()
    address = f"/settings/providers/{service.pk}/"
    shown = client.get(address).content.decode()
    assert "Each person tests their own address" in shown and "Remove this account" not in shown and "Only for numbers" not in shown
    assert client.post(address, {"deed": "save", "name": "Our Gotify", "budget": "100"}).status_code == 303
    service.refresh_from_db()
    assert (service.name, service.budget) == ("Our Gotify", 100) and service.settings["service"].startswith("gotify://")
    assert client.post(address, {"deed": "switch"}).status_code == 303
    world.advance(minutes=1)
    for row in Escalation.objects.all():
        paging.acknowledge(alert_id=row.alert_id, by=world.by, now=world.now)
    world.alert("Second")
    world.phone.expect(world.ana, "Second")
    assert page(world).outcome == "an administrator has switched off the service"
    assert client.get("/settings/providers/new/apprise/").status_code == 404
    with pytest.raises(Refused, match="made when the first message goes there"):
        providers.create_provider(kind="apprise", values={"service": "x"}, by=world.by, now=world.now)


@pytest.mark.parametrize(("address", "service"), [
    ("discord://4711/whk-token_1", ("discord://", "Discord")), ("jsons://user:password@hooks.example.com:8443/pages", ("jsons://hooks.example.com:8443", "JSON at hooks.example.com:8443")),
    ("gotifys://gotify.example.com/t0ken", ("gotifys://gotify.example.com", "Gotify at gotify.example.com")),
])  # fmt: skip
def test_a_service_is_named_without_what_may_be_a_secret(address, service):
    assert NOTIFIERS["apprise"].service(address) == service


def test_beyond_two_hundred_services_the_others_share_an_account_and_pages_go_on(world, monkeypatch):
    monkeypatch.setattr(operations_services, "MOST_SERVICES", 1)
    made = [operations_services.keep(NOTIFIERS["apprise"], f"jsons://{host}.example.com/x", world.now) for host in ("a", "b", "c", "a")]
    assert [one.name for one in made] == ["JSON at a.example.com", *["Other services by apprise URLs"] * 2, "JSON at a.example.com"]
    assert made[1] == made[2]


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
