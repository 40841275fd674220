"""A page by ntfy: the highest priority, a button that acknowledges by itself, the token kept secret, a lost server replaced at once."""

from __future__ import annotations

import re
from dataclasses import dataclass, field

import pytest
from django.test import Client

from tests.integrations.standing_in import Asked, StandIn, running
from tocsin.integrations.registry import NOTIFIERS
from tocsin.paging import operations as paging
from tocsin.paging.models import ContactMethod, Notification


@dataclass
class Server(StandIn):
    """What ntfy's publish API does with JSON: every topic may be written but those of `locked`, which want their token."""

    locked: dict[str, str] = field(default_factory=dict)

    def answer(self, asked: Asked):
        if (asked.method, asked.path) != ("POST", "/") or len(asked.body) > 4096 * 3:
            return 404, {"code": 40401, "http": 404, "error": "page not found"}, {}
        message = asked.json
        if not re.fullmatch(r"[-_A-Za-z0-9]{1,64}", message.get("topic", "")):
            return 400, {"code": 40009, "http": 400, "error": "invalid request: topic invalid"}, {}
        token = self.locked.get(message["topic"])
        if token and asked.headers.get("authorization") != f"Bearer {token}":
            return 403, {"code": 40301, "http": 403, "error": "forbidden"}, {}
        known = {"topic", "message", "title", "tags", "priority", "actions", "click", "attach", "markdown", "icon", "filename", "delay",
                 "email", "call", "sequence_id"}  # fmt: skip
        assert set(message) <= known and 1 <= message["priority"] <= 5 and len(message.get("actions", [])) <= 3
        return 200, {"id": f"m{len(self.asked)}", "time": 1, "event": "message", **message}, {}


@pytest.fixture
def ntfy():
    server = Server()
    with running(server):
        yield server


def proved(world, address: str, code: str) -> ContactMethod:
    return paging.verify(ContactMethod.objects.get(address=address), code, by=world.by, now=world.now)


@pytest.fixture
def topic(world, ntfy):
    """Ben is reached by ntfy alone."""
    ContactMethod.objects.filter(user=world.ben).update(enabled=False)
    paging.add_method(world.ben, kind="ntfy", address=f"{ntfy.url}/ben-page-4711", by=world.by, now=world.now)
    world.settle()
    code = re.search(r"\d{6}", ntfy.asked[-1].json["message"]).group()
    assert ntfy.asked[-1].json["priority"] == 3 and "actions" not in ntfy.asked[-1].json
    return proved(world, f"{ntfy.url}/ben-page-4711", code)


def test_a_page_rings_at_the_highest_priority_and_its_button_acknowledges(world, ntfy, topic):
    world.policy([world.ben], [world.ana])
    alert = world.alert("Checkout is down")
    page = ntfy.asked[-1].json
    assert (page["topic"], page["priority"], page["tags"]) == ("ben-page-4711", 5, ["rotating_light"])
    assert "Checkout is down" in page["title"] and "Why you:" in page["message"]
    press = page["actions"][0]
    assert (press["action"], press["method"], press["clear"]) == ("http", "POST", True) and page["click"] == press["url"]
    answer = Client().post(press["url"].removeprefix("http://localhost:8000"), headers={"origin": "https://ntfy.example.com"})
    assert answer.status_code == 303 and answer["Access-Control-Allow-Origin"] == "*"
    run = world.escalation(alert)
    assert (run.status, run.acknowledged_by, run.acknowledged_via) == ("acknowledged", world.ben, "link")
    world.advance(hours=1)  # nobody else is paged


def test_a_second_attempt_takes_the_place_of_the_first_on_the_phone(world, ntfy, topic):
    world.policy([world.ben])
    ntfy.trouble.append((503, {"code": 50301, "http": 503, "error": "busy"}, {"Retry-After": "9"}))
    world.alert()
    world.advance(seconds=10)
    first, second = (asked.json for asked in ntfy.asked[-2:])
    assert first["sequence_id"] == second["sequence_id"]
    page = Notification.objects.get(user=world.ben, kind="page")
    assert page.state == "accepted" and "answered 503: busy" in str(page.history)


def test_a_topic_that_demands_a_token_gets_it_and_nobody_sees_it(world, ntfy, topic):
    ntfy.locked["ben-page-4711"] = "tk_secret"
    world.policy([world.ben], [world.ana])
    world.alert()
    world.phone.expect(world.ana)  # the refusal is permanent: the next step at once
    assert Notification.objects.get(user=world.ben, kind="page").outcome == "answered 403: forbidden"
    host = ntfy.url.removeprefix("http://")
    method = paging.add_method(
        world.ben, kind="ntfy", address=f"http://tk_secret@{host}/ben-page-4711x", verified=True, by=world.by, now=world.now
    )
    ntfy.locked["ben-page-4711x"] = "tk_secret"
    assert method.address == f"{ntfy.url}/ben-page-4711x" and "tk_secret" not in method.sealed
    world.alert("Search is down")
    assert [asked.headers.get("authorization") for asked in ntfy.asked[-2:]] == [None, "Bearer tk_secret"]


@pytest.mark.parametrize(("address", "words"), [
    ("short", "12 characters"), ("https://ntfy.sh/abc", "12 characters"), ("ftp://ntfy.sh/topic-that-is-long", "topic's address"),
    ("https://ntfy.example.com/", "topic's address"), ("https://ntfy.example.com/a b", "topic's address"), ("", "topic's address"),
])  # fmt: skip
def test_an_address_that_cannot_be_a_topic_is_refused_with_what_would_be_right(address, words):
    with pytest.raises(ValueError, match=words):
        NOTIFIERS["ntfy"].check_address(address)


def test_a_bare_topic_is_one_of_the_public_server():
    assert NOTIFIERS["ntfy"].check_address("tocsin-ana-8d1f2c") == "https://ntfy.sh/tocsin-ana-8d1f2c"


def test_who_has_it_takes_the_place_of_the_page_without_a_sound(world, ntfy, topic):
    world.policy([world.ben, world.ana])
    alert = world.alert("Checkout is down")
    world.phone.expect(world.ana)
    page = ntfy.asked[-1].json
    ntfy.trouble.append((503, {"code": 50301, "http": 503, "error": "busy"}, {}))
    world.acknowledge(alert, world.ana)
    world.advance(seconds=31)
    told = ntfy.asked[-1].json
    assert (told["sequence_id"], told["title"], told["priority"]) == (page["sequence_id"], page["title"], 2)
    assert told["message"].startswith("Ana has it, since ") and "/ack/" not in str(told)
    world.advance(hours=1)
    assert len(ntfy.asked) == 4  # the code, the page, and who has it, twice
