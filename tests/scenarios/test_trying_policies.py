"""Somebody tries a policy on themselves: with its rooms and webhooks where they wish it, marked as a test, and with words on what working hours would do."""

from __future__ import annotations

import json
from datetime import datetime

import pytest
from django.test import Client
from typer.testing import CliRunner

from tests.integrations.test_egress import Stranger, stranger  # noqa: F401 - a fixture
from tests.scenarios.test_steps import Chat, chat, room  # noqa: F401 - a fixture
from tests.scenarios.world import World
from tocsin import clock
from tocsin.accounts.actor import Actor
from tocsin.accounts.models import Organisation
from tocsin.cli import oncall
from tocsin.lib.refusal import Refused
from tocsin.paging import operations as paging
from tocsin.paging import operations_policy_tests as policy_tests
from tocsin.paging.messages import ack_link
from tocsin.response.acknowledge import acknowledge_by_link
from tocsin.response.try_policy import try_policy

pytestmark = pytest.mark.django_db


def at(world: World, moment: str) -> None:
    """It is that moment."""
    world.shifted = datetime.fromisoformat(moment) - (world.now - world.shifted)
    clock.shift(world.shifted)


def test_a_test_tells_no_room_and_no_webhook_unless_whoever_tries_it_wants_that(world: World, chat: Chat, stranger):  # noqa: F811
    hook = {"kind": "webhook", "address": f"{stranger}/ok"}
    policy = world.written([world.step(world.ana, room(world)), world.step(hook), world.step(world.ben, hook)])
    me = Actor.of(world.cy, "web")
    try_policy(policy, by=me, now=world.now)
    world.settle()
    assert "In earnest it would tell #payments in Chat as well." in world.phone.expect(world.cy, "step 1").text
    world.advance(seconds=65)
    world.phone.expect(world.cy, "step 3")
    assert chat.posted == [] and Stranger.seen == []
    world.advance(minutes=2)
    try_policy(policy, rooms=True, by=me, now=world.now)
    world.settle()
    page = world.phone.expect(world.cy, "step 1")
    assert "The test tells #payments in Chat as well." in page.text
    ((address, message),) = chat.posted
    assert (address, message.title, message.link) == ("#payments", "TEST of policy Payments: step 1", "")
    assert "nothing is wrong, and there is nothing to do" in message.text and message.facts["kind"] == "test"
    world.advance(seconds=31)  # step 2 pages nobody and tells its webhook
    ((_, _, body),) = Stranger.seen
    said = json.loads(body)
    assert (said["type"], said["title"], said["ack_url"]) == ("page.test", "TEST of policy Payments: step 2", None)
    assert acknowledge_by_link(token=page.link.rstrip("/").rsplit("/", 1)[1], now=world.now).taken
    world.advance(minutes=5)
    assert len(Stranger.seen) == 1, "acknowledging withdraws what is still to come, rooms and webhooks included"
    trace = policy_tests.newest(policy, world.cy, world.now)
    assert [(row.whom, row.state) for row in trace] == [
        ("Cy", "delivered"), ("#payments in Chat", "delivered"), ("webhook 127.0.0.1", "delivered"), ("Cy", "cancelled"),
        ("webhook 127.0.0.1", "cancelled"),
    ]  # fmt: skip
    assert all(ack_link(row, world.now) == "" for row in trace if row.user_id is None)


def test_a_policy_of_rooms_alone_can_be_tried_with_them_only(world: World, chat: Chat):  # noqa: F811
    policy = world.written([world.step(room(world))])
    me = Actor.of(world.cy, "web")
    with pytest.raises(Refused, match="nothing to try"):
        try_policy(policy, by=me, now=world.now)
    try_policy(policy, rooms=True, by=me, now=world.now)
    world.settle()
    assert chat.posted[0][1].title.startswith("TEST")


def test_the_test_goes_out_at_night_and_says_what_working_hours_would_have_done(world: World):
    at(world, "2026-11-28T03:00:00+00:00")  # a Saturday
    policy = world.written([world.step(world.ana), world.step(world.ben, hours="business"), world.step(world.lea)])
    paging.change_policy(policy, low_severities=["SEV3", "SEV4"], by=world.by, now=world.now)
    policy.refresh_from_db()
    try_policy(policy, by=Actor.of(world.cy, "web"), now=world.now)
    world.settle()
    said = world.phone.expect(world.cy, "step 1").text
    assert "Waits until Monday 30 November, 09:00 where Ana lives (UTC): SEV3 can wait for working hours." in said
    assert "SEV4 can wait for working hours." in said
    world.advance(seconds=65)
    world.phone.expect(world.cy, "step 3")
    world.phone.silent()  # step 2 does not count at night
    assert policy_tests.working_hours(policy, world.now)["", 2][0] == "It would be passed over now: it is only in business hours."
    at(world, "2026-11-30T10:00:00+00:00")
    assert policy_tests.working_hours(policy, world.now)["", 1] == [
        f"{severity} can wait for working hours, and would be told at once: these are such." for severity in ("SEV3", "SEV4")
    ]
    paging.change_policy(policy, low_severities=["SEV4"], low_urgency="record", by=world.by, now=world.now)
    policy.refresh_from_db()
    assert policy_tests.working_hours(policy, world.now) == {("", 1): ["SEV4 would only be recorded: nobody is paged."]}


def test_the_page_offers_rooms_where_there_are_any_says_the_hours_and_shows_dates(world: World, chat: Chat):  # noqa: F811
    at(world, "2026-11-28T23:58:00+00:00")
    policy = world.written([world.step(world.ana, room(world)), world.step(world.ben)])
    paging.change_policy(policy, low_severities=["SEV4"], by=world.by, now=world.now)
    client = Client()
    client.force_login(world.cy)
    page = client.get(f"/escalation-policies/{policy.pk}/").content.decode()
    assert 'name="test-rooms"' in page and "Step 1: Waits until Monday 30 November, 09:00 where Ana lives" in page
    assert "28 Nov 2026, 23:58 UTC" in page and ">29 Nov 00:03<" in page, "the date where it is another day, and the zone"
    assert client.post(f"/escalation-policies/{policy.pk}/", {"action": "test", "test-rooms": "yes"}).status_code == 303
    world.settle()
    world.phone.expect(world.cy, "TEST")
    assert len(chat.posted) == 1
    assert "To #payments in Chat: delivered" in client.get(f"/escalation-policies/{policy.pk}/").content.decode()


def test_explain_says_the_zone_and_the_date_where_it_is_another_day(world: World, monkeypatch):
    at(world, "2026-11-28T22:58:00+00:00")
    Organisation.objects.update(time_zone="Europe/Berlin")
    world.policy([world.ana], [world.ben])
    monkeypatch.setattr(oncall, "django", _already)
    shown = CliRunner().invoke(oncall.oncall, ["explain", "checkout"]).output.splitlines()
    assert shown[2].startswith("23:58 CET") and shown[3].startswith("29 Nov 00:03 CET")
    (first, *_) = json.loads(CliRunner().invoke(oncall.oncall, ["explain", "checkout", "--json"]).output)
    assert first["at"].startswith("2026-11-28 22:58:00")


class _already:
    def __init__(self, data: object) -> None: ...

    def __enter__(self) -> None: ...

    def __exit__(self, *_: object) -> None: ...
