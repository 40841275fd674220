"""The real homeserver Synapse, unchanged: a page, its answer by a real client's events, its edit, a room; slow, so in a run of its own.

python3 -m venv /tmp/synapse && /tmp/synapse/bin/pip install matrix-synapse
SYNAPSE=/tmp/synapse/bin/python bin/test tests/integrations/test_real_synapse.py -m slow
"""

from __future__ import annotations

import hashlib
import hmac
import json
import os
import subprocess
import time
import urllib.error
import urllib.request
from typing import Any
from urllib.parse import quote

import pytest

from tests.live import free_port, until
from tests.scenarios.test_rooms_of_teams import medium
from tests.scenarios.world import World, world  # noqa: F401 - a fixture
from tocsin.accounts.actor import Actor
from tocsin.domain.ports import Account, Message, Outcome, Sent
from tocsin.domain.replies import Verb
from tocsin.integrations.matrix import words
from tocsin.integrations.matrix.gateway import Matrix
from tocsin.integrations.registry import GATEWAYS
from tocsin.oncall.models import Readiness
from tocsin.paging import messages
from tocsin.paging import operations as paging
from tocsin.paging import operations_providers as providers
from tocsin.paging import operations_rooms as rooms
from tocsin.paging.models import ContactMethod
from tocsin.response import listen_in_chats, ready

pytestmark = pytest.mark.slow
SYNAPSE = os.environ.get("SYNAPSE", "")
SHARED = "larkfield-registers"
NAME = "larkfield.example"
PAGE = Message(
    "SEV1 INC-42 Checkout <b>",
    "SEV1 INC-42 Checkout <b>\nWhy you: on call",
    link="https://tocsin.example/ack/x/",
    facts={"notification": 7},
)
CONFIG = """
server_name: {name}
pid_file: {folder}/pid
signing_key_path: {folder}/key
log_config: {folder}/log.yaml
media_store_path: {folder}/media
database: {{name: sqlite3, args: {{database: "{folder}/db"}}}}
listeners: [{{port: {port}, bind_addresses: ["127.0.0.1"], type: http, tls: false, resources: [{{names: [client]}}]}}]
registration_shared_secret: {shared}
report_stats: false
trusted_key_servers: []
rc_message: {{per_second: 100, burst_count: 100}}
"""
LOG = "version: 1\nhandlers: {file: {class: logging.FileHandler, filename: FOLDER/log}}\nroot: {level: WARNING, handlers: [file]}\n"


class Client:
    """Somebody with a real client: plain calls of the API, by the standard library."""

    def __init__(self, url: str, name: str) -> None:
        self.url, self.token = url, ""
        nonce = self("GET", "/_synapse/admin/v1/register")["nonce"]
        proof = hmac.new(SHARED.encode(), "\x00".join([nonce, name, "a-long-password", "notadmin"]).encode(), hashlib.sha1).hexdigest()
        made = self(
            "POST",
            "/_synapse/admin/v1/register",
            {"nonce": nonce, "username": name, "password": "a-long-password", "admin": False, "mac": proof},
        )
        self.token, self.id = made["access_token"], made["user_id"]

    def __call__(self, method: str, path: str, body: Any = None) -> Any:
        place = path if path.startswith("/_") else f"/_matrix/client/v3{path}"
        asked = urllib.request.Request(f"{self.url}{place}", method=method, data=None if body is None else json.dumps(body).encode())
        asked.add_header("Authorization", f"Bearer {self.token}")
        with urllib.request.urlopen(asked, timeout=20) as answer:
            return json.load(answer)

    def send(self, room: str, kind: str, content: dict[str, Any]) -> str:
        return self("PUT", f"/rooms/{quote(room)}/send/{kind}/{time.monotonic_ns()}", content)["event_id"]

    def event(self, room: str, id: str) -> dict[str, Any]:
        return self("GET", f"/rooms/{quote(room)}/event/{quote(id)}")


@pytest.fixture(scope="module")
def homeserver(tmp_path_factory):
    if not SYNAPSE:
        pytest.skip("SYNAPSE names no Python with matrix-synapse; the docstring of this file says how")
    folder, port = tmp_path_factory.mktemp("synapse"), free_port()
    (folder / "log.yaml").write_text(LOG.replace("FOLDER", str(folder)))
    (folder / "homeserver.yaml").write_text(CONFIG.format(name=NAME, folder=folder, port=port, shared=SHARED))
    command = [SYNAPSE, "-m", "synapse.app.homeserver", "-c", str(folder / "homeserver.yaml")]
    subprocess.run([*command, "--generate-keys"], check=True, cwd=folder, capture_output=True)
    process = subprocess.Popen(command, cwd=folder)
    url = f"http://127.0.0.1:{port}"
    try:
        until(lambda: _answers(f"{url}/health"), bool, 60)
        yield url
    finally:
        process.terminate()
        process.wait(30)


def _answers(url: str) -> bool:
    try:
        with urllib.request.urlopen(url, timeout=2) as answer:
            return answer.status == 200
    except (urllib.error.URLError, OSError):
        return False


@pytest.fixture(scope="module")
def us(homeserver):
    return Client(homeserver, "tocsin")


@pytest.fixture(scope="module")
def ana(homeserver):
    return Client(homeserver, "ana")


@pytest.fixture
def account(homeserver, us):
    return Account(1, "Synapse", {"url": homeserver, "token": us.token})


def test_a_page_comes_as_a_direct_message_and_a_reaction_a_reply_and_a_word_are_heard(account, us, ana):
    gateway = Matrix()
    receipt = gateway.send(account, ana.id, PAGE, key="tocsin-7")
    assert receipt.outcome is Outcome.ACCEPTED, receipt.reason
    room, _, event = receipt.provider_id.partition(" ")
    ana("POST", f"/join/{quote(room)}", {})
    shown = ana.event(room, event)["content"]
    assert (
        shown["msgtype"] == "m.text" and "Checkout &lt;b&gt;" in shown["formatted_body"] and shown["m.mentions"] == {"user_ids": [ana.id]}
    )
    assert gateway.send(account, ana.id, PAGE, key="tocsin-7").provider_id == receipt.provider_id, "a second attempt is the same message"
    assert Matrix().send(account, ana.id, PAGE, key="tocsin-8").provider_id.startswith(f"{room} "), "another process finds the same room"

    mark, said = gateway.hear(account, [room], "", 0)
    assert said == []
    ana.send(room, "m.reaction", {"m.relates_to": {"rel_type": "m.annotation", "event_id": event, "key": "👍️"}})
    ana.send(room, "m.room.message", {"msgtype": "m.text", "body": "esc", "m.relates_to": {"m.in_reply_to": {"event_id": event}}})
    ana.send(room, "m.room.message", {"msgtype": "m.text", "body": "ack"})
    mark, said = gateway.hear(account, [room], mark, 5)
    assert [(one.wish.verb, one.address, one.provider_id) for one in said] == [
        (Verb.ACKNOWLEDGE, ana.id, receipt.provider_id), (Verb.ESCALATE, ana.id, receipt.provider_id), (Verb.ACKNOWLEDGE, ana.id, "")
    ]  # fmt: skip
    started = time.monotonic()
    assert gateway.hear(account, [room], mark, 1)[1] == [] and time.monotonic() - started > 0.5, "it waits for something to be said"

    assert gateway.change(account, Sent("", receipt.provider_id, ""), PAGE, "Ben has it").outcome is Outcome.DELIVERED
    assert gateway.say(account, room, "Not understood.").outcome is Outcome.DELIVERED
    newest = ana("GET", f"/rooms/{quote(room)}/messages?dir=b&limit=2")["chunk"]
    assert newest[0]["content"]["msgtype"] == "m.notice" and "Ben has it" in newest[1]["content"]["m.new_content"]["body"]


def test_whoever_left_gets_a_new_room(account, us, ana):
    gateway = Matrix()
    room = gateway.room_of(gateway.send(account, ana.id, PAGE, key="left-1").provider_id)
    ana("POST", f"/rooms/{quote(room)}/leave", {})
    assert gateway.room_of(Matrix().send(account, ana.id, PAGE, key="left-2").provider_id) != room


def test_a_room_is_joined_by_its_alias_where_that_is_allowed(account, us, ana):
    public = ana("POST", "/createRoom", {"preset": "public_chat", "room_alias_name": "ops"})["room_id"]
    assert Matrix().send(account, f"#ops:{NAME}", PAGE, key="room-1").provider_id.startswith(f"{public} ")
    ana("POST", "/createRoom", {"preset": "private_chat", "room_alias_name": "secret"})
    refused = Matrix().send(account, f"#secret:{NAME}", PAGE, key="room-2")
    assert refused.outcome is Outcome.FAILED and "invite the account" in refused.reason


def test_a_token_that_is_not_accepted_is_the_accounts_fault(homeserver):
    revoked = Matrix().send(Account(1, "x", {"url": homeserver, "token": "syt_no"}), f"@ana:{NAME}", PAGE, key="x")
    assert revoked.outcome is Outcome.REFUSED and "access token" in revoked.reason


class Phone:
    """What Ana's client shows of a room."""

    def __init__(self, client: Client, room: str) -> None:
        self.client, self.room = client, room

    def newest(self) -> dict[str, Any]:
        """The newest message that is no answer to her, with what it says now."""
        chunk = self.client("GET", f"/rooms/{quote(self.room)}/messages?dir=b&limit=20")["chunk"]
        event = next(one for one in chunk if one["type"] == "m.room.message" and one["sender"] != self.client.id)
        return event["content"].get("m.new_content") or event["content"]

    def thumb(self, words: str) -> None:
        """React to the message that says these words."""
        chunk = self.client("GET", f"/rooms/{quote(self.room)}/messages?dir=b&limit=20")["chunk"]
        event = next(one for one in chunk if words in str(one["content"].get("body")) and "m.new_content" not in one["content"])
        relation = {"rel_type": "m.annotation", "event_id": event["event_id"], "key": "👍"}
        self.client.send(self.room, "m.reaction", {"m.relates_to": relation})


def test_the_whole_story_of_a_person_and_a_team(homeserver, us, world: World, monkeypatch):  # noqa: F811
    """Proved by a code, paged, taken by a reaction; a test page; the room of the team; a room that was encrypted meanwhile."""
    monkeypatch.setattr(listen_in_chats, "WAIT_SECONDS", 0)
    GATEWAYS["matrix"].memory.known.clear()
    client = Client(homeserver, "ana-on-call")
    values = {"url": homeserver, "token": us.token}
    account = providers.create_provider(kind="matrix", name="Larkfield", values=values, by=world.by, now=world.now)
    ContactMethod.objects.filter(user=world.ana).delete()
    by = Actor.of(world.ana, "web")
    method = paging.add_method(world.ana, kind="matrix", address=client.id, by=by, now=world.now)
    world.settle()
    (room,) = client("GET", "/sync?timeout=0")["rooms"]["invite"]
    client("POST", f"/join/{quote(room)}", {})
    phone = Phone(client, room)
    code = messages.verification_code(ContactMethod.objects.get(pk=method.pk))
    assert code in phone.newest()["body"] and paging.verify(method, code, by=by, now=world.now).verified_at

    world.policy([world.ana], [world.ben])
    alert = world.alert("Checkout is down")
    assert "Checkout is down" in phone.newest()["body"] and words.HOW in phone.newest()["body"]
    world.advance(seconds=2)
    phone.thumb("Checkout is down")
    world.advance(seconds=2)
    assert world.escalation(alert).acknowledged_by == world.ana and "Ana has it, since" in phone.newest()["body"]

    ready.rehearse(world.ana, by=by, now=world.now)
    world.advance(seconds=2)
    phone.thumb("Test page: acknowledge it")
    world.advance(seconds=2)
    assert Readiness.objects.get(user=world.ana).acknowledged_at and "You have acknowledged it" in phone.newest()["body"]

    place = client("POST", "/createRoom", {"preset": "public_chat", "room_alias_name": "payments"})["room_id"]
    rooms.set_room(world.team, {"account": account.pk, "address": f"#payments:{NAME}"}, by=world.by, now=world.now)
    world.settle()
    everybody = Phone(client, place)
    assert "Room of the team Payments" in everybody.newest()["body"]
    slow = medium(world, "Search is slow")
    world.advance(seconds=2)
    everybody.thumb("Search is slow")
    world.advance(seconds=2)
    assert world.escalation(slow).acknowledged_by == world.ana and "Ana has it, since" in everybody.newest()["body"]

    client("PUT", f"/rooms/{quote(room)}/state/m.room.encryption/", {"algorithm": "m.megolm.v1.aes-sha2"})
    GATEWAYS["matrix"].memory.known.clear()  # an hour later
    world.advance(minutes=2)
    world.alert("Mail is down")
    assert words.SEALED in phone.newest()["body"]
    world.phone.silent()
