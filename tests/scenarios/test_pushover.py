"""A page by Pushover rings until somebody has it: acknowledged in the app counts here, acknowledged elsewhere ends it there."""

from __future__ import annotations

import itertools
from dataclasses import dataclass, field
from urllib.parse import urlencode, urlsplit

import pytest
from django.test import Client

from tests.integrations.standing_in import Asked, StandIn, running
from tocsin.integrations.registry import NOTIFIERS
from tocsin.lib.refusal import Refused
from tocsin.paging import operations as paging
from tocsin.paging import operations_providers as providers
from tocsin.paging.models import ContactMethod, Notification, Provider

TOKEN, USER = "a" * 30, "uBen" + "1" * 26


def called(url: str, fields: dict[str, str]):
    return Client().post(urlsplit(url).path, urlencode(fields), content_type="application/x-www-form-urlencoded")


@dataclass
class Pushover(StandIn):
    """Pushover's message and receipt APIs: what is missing or too long is refused as it refuses it."""

    receipts: dict[str, dict] = field(default_factory=dict)
    numbers: itertools.count = field(default_factory=itertools.count)

    def answer(self, asked: Asked):
        given = asked.form if asked.method == "POST" else asked.query
        if given.get("token") != TOKEN:
            return self.wrong("token", "application token is invalid")
        parts = asked.path.strip("/").split("/")
        if parts[:2] == ["1", "messages.json"]:
            return self.message(given)
        receipt = self.receipts.get(parts[2].removesuffix(".json"))
        if receipt is None:
            return self.wrong("receipt", "receipt not found; may be invalid or expired", 404)
        if parts[-1] == "cancel.json":
            receipt |= {"expired": 1, "cancelled": 1}
            return 200, {"status": 1, "request": "r"}, {}
        return 200, {"status": 1, "request": "r", **{name: receipt[name] for name in receipt if name != "form"}}, {}

    def message(self, form: dict[str, str]):
        if form.get("user") != USER:
            return self.wrong("user", "user identifier is not a valid user, group, or subscribed user key")
        sizes = {"title": 250, "message": 1024, "url": 512, "url_title": 100}
        assert form.get("message") and all(len(form.get(name, "")) <= most for name, most in sizes.items())
        if form["priority"] != "2":
            return 200, {"status": 1, "request": "r"}, {}
        assert int(form["retry"]) >= 30 and int(form["expire"]) <= 10800 and form["callback"].startswith("http")
        name = f"receipt{next(self.numbers)}".ljust(30, "x")
        self.receipts[name] = {
            "form": form,
            "acknowledged": 0,
            "acknowledged_at": 0,
            "acknowledged_by": "",
            "last_delivered_at": 0,
            "expired": 0,
        }
        return 200, {"status": 1, "request": "r", "receipt": name}, {}

    @staticmethod
    def wrong(name: str, sentence: str, status: int = 400):
        return status, {name: "invalid", "errors": [sentence], "status": 0, "request": "r"}, {}

    def press(self, name: str, *, call: bool = True):
        """Its person acknowledges in the app; Pushover calls back, if it can."""
        self.receipts[name] |= {"acknowledged": 1, "acknowledged_at": 1, "acknowledged_by": USER, "last_delivered_at": 1}
        fields = {"receipt": name, "acknowledged": "1", "acknowledged_at": "1", "acknowledged_by": USER, "acknowledged_by_device": "phone"}
        return called(self.receipts[name]["form"]["callback"], fields) if call else None


@pytest.fixture
def pushover(world):
    """Ben is reached by Pushover alone."""
    server = Pushover()
    with running(server):
        providers.create_provider(
            kind="pushover", name="Our Pushover", values={"token": TOKEN, "server": server.url}, by=world.by, now=world.now
        )
        ContactMethod.objects.filter(user=world.ben).update(enabled=False)
        paging.add_method(world.ben, kind="pushover", address=USER, verified=True, by=world.by, now=world.now)
        yield server


def page(world) -> Notification:
    return Notification.objects.get(user=world.ben, kind="page", method_kind="pushover")


def test_acknowledging_in_the_app_counts_at_once(world, pushover):
    world.policy([world.ben], [world.ana])
    alert = world.alert("Checkout is down")
    [(name, receipt)] = pushover.receipts.items()
    assert (receipt["form"]["priority"], receipt["form"]["retry"], receipt["form"]["expire"]) == ("2", "60", "840")
    assert "Checkout is down" in receipt["form"]["title"] and receipt["form"]["url"].startswith("http://localhost:8000/ack/")
    assert pushover.press(name).status_code == 200
    run = world.escalation(alert)
    assert (run.status, run.acknowledged_by, run.acknowledged_via) == ("acknowledged", world.ben, "pushover")
    assert (page(world).state, page(world).outcome) == ("delivered", "Our Pushover: acknowledged in the app")
    world.advance(hours=1)  # nobody else is paged


def test_where_pushover_cannot_call_us_it_is_asked(world, pushover):
    world.policy([world.ben], [world.ana])
    alert = world.alert()
    [name] = pushover.receipts
    pushover.receipts[name]["last_delivered_at"] = 1
    world.advance(seconds=20)
    assert (page(world).state, page(world).outcome) == ("delivered", "Our Pushover: it rings at the phone")
    pushover.press(name, call=False)
    world.advance(seconds=20)
    assert world.escalation(alert).acknowledged_by == world.ben
    asked = len(pushover.asked)
    world.advance(hours=1)
    assert len(pushover.asked) <= asked + 1  # it was ended there, once


def test_acknowledged_elsewhere_it_rings_no_more(world, pushover):
    world.policy([world.ben, world.ana])
    alert = world.alert()
    world.phone.expect(world.ana)
    [receipt] = pushover.receipts.values()
    pushover.trouble.append((503, {}, {}))
    world.acknowledge(alert, world.ana)
    world.settle()
    assert "cancelled" not in receipt  # Pushover was away: it is tried again
    world.advance(seconds=16)
    assert receipt["cancelled"] == 1
    asked = len(pushover.asked)
    world.advance(minutes=30)
    assert len(pushover.asked) == asked


def test_nobody_can_acknowledge_by_calling_our_address(world, pushover):
    world.policy([world.ben])
    alert = world.alert()
    [(name, receipt)] = pushover.receipts.items()
    for fields in ({}, {"receipt": "x"}, {"receipt": name, "acknowledged": "1"}, {"receipt": "y" * 30, "acknowledged": "1"}):
        assert called(receipt["form"]["callback"], fields).status_code == 403
    assert world.escalation(alert).status == "running"


def test_a_wrong_key_loses_its_proof_and_a_wrong_token_is_the_accounts_fault(world, pushover):
    world.policy([world.ben], [world.ana])
    Provider.objects.filter(kind="pushover").update(enabled=False)
    providers.create_provider(kind="pushover", name="Old", values={"token": "b" * 30, "server": pushover.url}, by=world.by, now=world.now)
    world.alert()
    world.phone.expect(world.ana)
    assert page(world).outcome == "Old: application token is invalid" and Provider.objects.get(name="Old").failures == 1
    Provider.objects.filter(kind="pushover").update(enabled=True)
    Provider.objects.filter(name="Old").update(enabled=False)
    other = paging.add_method(world.ben, kind="pushover", address="z" * 30, verified=True, by=world.by, now=world.now)
    ContactMethod.objects.filter(user=world.ben).exclude(pk=other.pk).update(enabled=False)
    world.advance(minutes=2)
    world.alert("Search is down")
    world.phone.expect(world.ana, "Search is down")
    other.refresh_from_db()
    assert other.verified_at is None and "not a valid user" in other.lost_reason


def test_a_code_and_a_notice_ring_once(world, pushover):
    method = paging.add_method(world.cy, kind="pushover", address=f"{USER} pixel-8", by=world.by, now=world.now)
    world.settle()
    form = pushover.asked[-1].form
    assert (form["priority"], form["device"]) == ("0", "pixel-8") and "callback" not in form and method.verified_at is None


@pytest.mark.parametrize("address", ["", "short", "x" * 31, f"{USER} {'d' * 26}", f"{USER};drop"])
def test_what_is_no_user_key_is_refused(address):
    with pytest.raises(ValueError, match="user key of 30"):
        NOTIFIERS["pushover"].check_address(address)


def test_an_account_needs_a_token_of_thirty_letters(world):
    with pytest.raises(Refused) as refused:
        providers.create_provider(kind="pushover", values={"token": "abc"}, by=world.by, now=world.now)
    assert refused.value.errors == {"values.token": "An application token has 30 letters and digits."}
