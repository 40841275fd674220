"""The intake over a real server: what is accepted is stored, what is wrong is told in the protocol's words."""

import asyncio
import base64
import http.client
import json
import os
import signal
import subprocess
import sys
import threading
import time
from contextlib import suppress
from pathlib import Path
from types import SimpleNamespace

import psycopg
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests import database, loops
from tests.live import free_port, until
from tocsin.intake import addresses, any_source, writer
from tocsin.intake import app as intake
from tocsin.intake.headers import kept as kept_headers
from tocsin.intake.rate import Bucket, ThrottledError
from tocsin.intake.turns import MOST_OF_ONE, OverloadedError, Turns

KEY = "k" * 32


@pytest.fixture(scope="module")
def base():
    address = database.fresh(f"tocsin_intake_{os.getpid()}")
    with psycopg.connect(address, autocommit=True) as connection:
        connection.execute(
            "INSERT INTO alerts_integration (name, kind, key, default_severity, identity_labels, ignored_labels, enabled, created_at)"
            " VALUES ('Prometheus', 'alertmanager', %s, 'warning', '{}', '{}', true, now())",
            [KEY],
        )
    yield address
    database.drop(address)


class Web:
    """The intake alone."""

    def __init__(self, address):
        self.address, self.port = address, free_port()
        self.start()

    def start(self):
        command = [sys.executable, "-m", "tocsin.lib.serve", "tocsin.intake.app:app", str(self.port)]
        self.process = subprocess.Popen(command, env={**os.environ, "TOCSIN_DATABASE_URL": self.address}, start_new_session=True)
        until(self.is_ready, bool, pause=0.05)

    def is_ready(self):
        try:
            return self.call("GET", "/-/ready")[0] == 200
        except OSError:
            return False

    def work(self):
        """The seconds that it has computed so far."""
        words = Path(f"/proc/{self.process.pid}/stat").read_text().rpartition(")")[2].split()
        return (int(words[11]) + int(words[12])) / os.sysconf("SC_CLK_TCK")

    def kill(self):
        os.killpg(self.process.pid, signal.SIGKILL)
        self.process.wait()

    def call(self, method, path, body=b"", **headers):
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=60)
        body = body if isinstance(body, bytes) else json.dumps(body).encode()
        try:
            connection.request(method, path, body, {name.replace("_", "-"): value for name, value in headers.items()})
            reply = connection.getresponse()
            return reply.status, reply.read(), dict(reply.getheaders())
        finally:
            connection.close()

    def count(self, where="true"):
        with psycopg.connect(self.address) as connection:
            return connection.execute(f"SELECT count(*) FROM alerts_rawevent WHERE {where}").fetchone()[0]

    def one(self, where):
        with psycopg.connect(self.address) as connection:
            return connection.execute(
                f"SELECT protocol, body, state, dedup_key FROM alerts_rawevent WHERE {where} ORDER BY id DESC LIMIT 1"
            ).fetchone()


@pytest.fixture(scope="module")
def web(base):
    server = Web(base)
    yield server
    server.kill()


def test_a_webhook_is_answered_202_after_it_is_stored_as_it_came(web):
    body = b'{"alerts": [], "x": "\xc3\xa9"}'
    status, text, _ = web.call("POST", f"/in/{KEY}", body)
    assert status == 202 and text.startswith(b"{")
    assert web.one("protocol = 'in'")[1:3] == (body, "new")


def test_headers_that_tell_what_a_body_means_are_kept_and_secrets_are_not(web):
    headers = {
        "X-GitHub-Event": "deployment", "Ce-Type": "com.example.fired", "User-Agent": "x" * 2_000, "Authorization": f"Bearer {KEY}",
        "Cookie": "session=1", "X-Api-Key": KEY, "X-Gitlab-Token": "hidden", "X-Anything": "else",
    }  # fmt: skip
    status, _, _ = web.call("POST", f"/in?token={KEY}&host=db%201&api_key=hidden&Auth_Token=hidden", b"{}", **headers)
    assert status == 202
    with psycopg.connect(web.address) as connection:
        kept = connection.execute("SELECT headers FROM alerts_rawevent ORDER BY id DESC LIMIT 1").fetchone()[0]
    assert kept == {"x-github-event": "deployment", "ce-type": "com.example.fired", "user-agent": "x" * 500, ":query": "host=db+1"}


def test_kept_headers_are_bounded_in_number_and_length():
    many = [(b"ce-" + str(n).encode() + b"n" * 200, b"\0v" * 1_000) for n in range(200)]
    found = json.loads(kept_headers(many, b"q=" + b"x" * 9_000))
    query = found.pop(":query")
    assert len(found) == 24 and max(map(len, found)) == 60 and {len(value) for value in found.values()} <= {250} and len(query) <= 1_000
    assert kept_headers([(b"host", b"here"), (b"content-length", b"2")], b"") == "{}"
    assert kept_headers([], b"&".join(b"a=b" for _ in range(60))) == "{}"


@pytest.mark.parametrize(
    "headers",
    [
        {"Authorization": f"Bearer {KEY}"},
        {"Authorization": f"GenieKey {KEY}"},
        {"Authorization": f"Token {KEY}"},
        {"Authorization": "Basic " + base64.b64encode(f"any:{KEY}".encode()).decode()},
        {"X-Api-Key": KEY},
        {"X-Routing-Key": KEY},
    ],
)
def test_alertmanagers_api_takes_the_key_in_every_header_and_answers_200_with_nothing(web, headers):
    before = web.count("protocol = 'alertmanager_api'")
    assert web.call("POST", "/api/v2/alerts", [{"labels": {"a": "b"}}], **headers)[:2] == (200, b"")
    assert web.count("protocol = 'alertmanager_api'") == before + 1


@pytest.mark.parametrize("query", [f"?token={KEY}", f"?integration_key={KEY}"])
def test_the_key_may_stand_in_the_query(web, query):
    assert web.call("POST", f"/api/v2/alerts{query}", [{"labels": {"a": "b"}}])[0] == 200


@pytest.mark.parametrize("body", [b"[", b"{}", b'[{"labels": {}}]', b'[{"labels": {"a": 1}}]', b"[1]", b"[" * 200])
def test_alertmanagers_api_refuses_with_a_json_string(web, body):
    status, text, _ = web.call("POST", "/api/v2/alerts", body, X_Api_Key=KEY)
    assert status == 400 and isinstance(json.loads(text), str)


def test_the_neighbours_of_a_bad_alert_are_taken(web):
    good = {"labels": {"alertname": "Up"}}
    for bad in (5, None, {}, {"labels": {}}, {"labels": {"a": 1}}, {"labels": "x"}):
        body = json.dumps([bad, good]).encode()
        assert web.call("POST", "/api/v2/alerts", body, X_Api_Key=KEY)[:2] == (200, b"")
        assert web.one("protocol = 'alertmanager_api'")[1] == body


def test_alertmanagers_api_may_stand_below_the_key_where_a_sender_knows_an_address_alone(web):
    before = web.count("protocol = 'alertmanager_api'")
    assert web.call("POST", f"/in/{KEY}/api/v2/alerts", [{"labels": {"a": "b"}}])[:2] == (200, b"")
    status, text, _ = web.call("POST", "/api/v1/alerts", [{"labels": {"a": "b"}}], X_Api_Key=KEY)
    assert (status, json.loads(text)) == (200, {"status": "success"})
    assert web.count("protocol = 'alertmanager_api'") == before + 2


def test_addresses_that_other_products_give_to_an_integration_take_its_own_form(web):
    for path in (f"/integration/{KEY}/enqueue", f"/v1/json/cloudwatch?apiKey={KEY}", f"/integrations/v1/alertmanager/{KEY}/"):
        before = web.count("protocol = 'in'")
        assert web.call("POST", path, {"alerts": []})[0] == 202
        assert web.count("protocol = 'in'") == before + 1
    assert web.call("POST", "/v1/json/alert", {"apiKey": KEY})[0] == 410


def test_pagerduty_events_are_answered_202_with_the_dedup_key_in_the_body(web):
    event = {
        "routing_key": KEY,
        "event_action": "trigger",
        "dedup_key": "mine",
        "payload": {"summary": "x", "source": "y", "severity": "critical"},
    }
    status, text, _ = web.call("POST", "/v2/enqueue", event)
    assert status == 202 and json.loads(text) == {"status": "success", "message": "Event processed", "dedup_key": "mine"}
    for absent in ("", None):
        status, text, _ = web.call("POST", "/v2/enqueue", {**event, "dedup_key": absent})
        made = json.loads(text)["dedup_key"]
        assert status == 202 and len(made) == 32 and web.one("protocol = 'pagerduty'")[3] == made


@pytest.mark.parametrize(
    "event",
    [
        {"event_action": "trigger"},
        {"routing_key": KEY},
        {"routing_key": KEY, "event_action": "resolve"},
        {"routing_key": KEY, "event_action": "trigger"},
        [],
    ],
)
def test_pagerduty_refusals_list_the_errors(web, event):
    status, text, _ = web.call("POST", "/v2/enqueue", event)
    answer = json.loads(text)
    assert status == 400 and answer["status"] == "invalid event" and answer["errors"]


def test_a_change_event_may_come_with_the_key_of_any_integration(web):
    status, text, _ = web.call("POST", "/v2/change/enqueue", {"routing_key": KEY, "payload": {"summary": "Deploy", "source": "ci"}})
    assert status == 202 and json.loads(text)["message"] == "Change event processed"
    assert web.one("protocol = 'pagerduty_change'")


@pytest.mark.parametrize("path", ["/in/no-such-key", "/api/v2/alerts?token=nope", "/in/" + "x" * 500, "/in/a%00b", "/in/"])
def test_an_unknown_key_is_refused_clearly(web, path):
    status, text, _ = web.call("POST", path, [{"labels": {"a": "b"}}])
    assert status in (401, 403, 404) and "integration has this key" in str(json.loads(text))


def test_an_unknown_routing_key_is_refused_clearly(web):
    status, text, _ = web.call("POST", "/v2/enqueue", {"routing_key": "nope", "event_action": "trigger", "payload": {"summary": "x"}})
    assert status == 403 and json.loads(text)["errors"]


@pytest.mark.parametrize(
    ("body", "status"),
    [
        (b'{"status": "firing", ', 400),
        (b"", 400),
        (b"payload=%7B%22a%22%3A1%7D", 202),
        (b'{"a":' * 40 + b"1" + b"}" * 40, 400),
        (b"x" * 1_000_001, 413),
        (b"\xff", 400),
    ],
)
def test_a_webhook_body_is_judged_before_it_is_stored(web, body, status):
    seen, text, _ = web.call("POST", f"/in/{KEY}", body)
    assert seen == status and text.startswith(b"{")


def test_pagerduty_bodies_end_at_512_kilobytes(web):
    assert web.call("POST", "/v2/enqueue", b" " * (512 * 1024 + 1))[0] == 413


def test_a_new_integration_counts_at_once_and_a_removed_one_no_more(web):
    with psycopg.connect(web.address, autocommit=True) as connection:
        connection.execute(
            "INSERT INTO alerts_integration (name, kind, key, default_severity, identity_labels, ignored_labels, enabled, created_at)"
            " VALUES ('Second', 'generic', 'second-key', 'warning', '{}', '{}', true, now())"
        )
        assert web.call("POST", "/in/second-key", {})[0] == 202
        connection.execute("UPDATE alerts_integration SET removed_at = now() WHERE key = 'second-key'")
        connection.execute("SELECT pg_notify('tocsin_integrations', '')")
    until(lambda: web.call("POST", "/in/second-key", {})[0], lambda status: status == 404, pause=0.02)


def test_nothing_accepted_is_lost_when_the_process_is_killed_under_load(base):
    server = Web(base)
    accepted, stop = [], threading.Event()

    def send(number):
        count = 0
        while not stop.is_set():
            name = f"kill-{number}-{count}"
            try:
                if server.call("POST", f"/in/{KEY}", {"name": name})[0] == 202:
                    accepted.append(name)
            except OSError:
                pass
            except http.client.HTTPException:
                pass
            count += 1

    senders = [threading.Thread(target=send, args=(number,)) for number in range(8)]
    for sender in senders:
        sender.start()
    for _ in range(3):
        until(lambda known=len(accepted): len(accepted) - known, lambda more: more > 50)
        server.kill()
        server.start()
    stop.set()
    for sender in senders:
        sender.join()
    server.kill()
    with psycopg.connect(base) as connection:
        stored = {
            json.loads(bytes(row[0])).get("name")
            for row in connection.execute("SELECT body FROM alerts_rawevent WHERE body LIKE '%%kill-%%'::bytea")
        }
    assert set(accepted) <= stored


class Pool:
    """A database that refuses bodies with `bad` in them, or everything."""

    def __init__(self, away=False):
        self.away, self.stored, self.statements = away, [], 0

    async def connect(self):
        if self.away:
            raise OSError("connection refused")
        return self

    def terminate(self):
        pass

    def is_closed(self):
        return False

    async def execute(self, statement, *columns, timeout):
        if statement is writer.TELL:
            return
        self.statements += 1
        bodies = columns[3]
        if any(b"bad" in body for body in bodies):
            raise writer.asyncpg.DataError("invalid byte sequence")
        self.stored += bodies


def stored(pool, bodies):
    async def run():
        one = writer.Writer(pool.connect)
        results = await asyncio.gather(*(one.store(writer.Row(1, "in", "", body, "")) for body in bodies), return_exceptions=True)
        await one.stop()
        return results

    return loops.run(run())


def test_a_bad_row_is_found_by_halving_and_its_neighbours_are_stored():
    pool = Pool()
    results = stored(pool, [b"good-%d" % n if n != 13 else b"bad" for n in range(50)])
    assert [n for n, result in enumerate(results) if result is not None] == [13]
    assert isinstance(results[13], writer.RejectedError) and len(pool.stored) == 49 and pool.statements < 20


def test_one_batch_takes_from_each_key_in_turn_and_keeps_each_keys_order():
    turns = Turns()
    for number in range(300):
        turns.add(SimpleNamespace(integration=1, body=b"%d" % number))
    for number in range(3):
        turns.add(SimpleNamespace(integration=2, body=b"%d" % number))
    first = turns.take(8, 10_000)
    assert [row.integration for row in first] == [1, 2, 1, 2, 1, 2, 1, 1]
    rest = turns.take(1_000, 10_000)
    both = [*first, *rest]
    for integration, count in ((1, 300), (2, 3)):
        assert [int(row.body) for row in both if row.integration == integration] == list(range(count))
    assert turns.count == 0 and not turns.lines and not turns.sizes


def test_a_batch_ends_with_its_bytes():
    turns = Turns()
    for _ in range(10):
        turns.add(SimpleNamespace(integration=1, body=b"x" * 10))
    assert len(turns.take(100, 35)) == 4 and turns.count == 6


def test_a_key_that_floods_fills_its_own_line_and_leaves_room_for_others():
    turns = Turns()
    with pytest.raises(OverloadedError):
        for _ in range(10_000):
            turns.add(SimpleNamespace(integration=1, body=b""))
    turns.add(SimpleNamespace(integration=2, body=b""))
    assert len(turns.lines[1]) == MOST_OF_ONE
    for _ in range(40):
        if turns.sizes.get(3, 0) < 32_000_000:
            turns.add(SimpleNamespace(integration=3, body=b"x" * 1_000_000))
    with pytest.raises(OverloadedError):
        turns.add(SimpleNamespace(integration=3, body=b"x"))


def test_a_bucket_lets_a_burst_through_then_the_rate_and_says_when_to_come_again():
    bucket = Bucket(10, 100, now=0.0)
    for _ in range(100):
        bucket.take(1, 0.0)
    with pytest.raises(ThrottledError) as refused:
        bucket.take(1, 0.0)
    assert refused.value.seconds == 1 and "10 events a second" in str(refused.value)
    for _ in range(10):
        bucket.take(1, 1.0)
    with pytest.raises(ThrottledError):
        bucket.take(1, 1.0)
    bucket.take(100, 2.0)  # a batch counts with each of its events, and is paid for afterwards
    with pytest.raises(ThrottledError) as refused:
        bucket.take(1, 2.0)
    assert refused.value.seconds == 10
    bucket.change(10, 1_000)
    bucket.take(1, 2.0)


@given(st.lists(st.tuples(st.floats(0, 5), st.integers(1, 50)), max_size=60), st.integers(1, 50), st.integers(1, 200))
def test_no_bucket_ever_gives_more_than_its_burst_its_rate_and_one_request(steps, rate, burst):
    bucket, now, taken = Bucket(rate, burst, now=0.0), 0.0, 0
    for wait, events in steps:
        now += wait
        with suppress(ThrottledError):
            bucket.take(events, now)
            taken += events
        assert taken <= burst + rate * now + 50


def test_a_key_that_floods_is_told_in_its_protocols_way_and_nobody_else_is(web):
    quiet, loud = "q" * 32, "l" * 32
    with psycopg.connect(web.address, autocommit=True) as connection:
        for key, burst in ((quiet, 1_000), (loud, 20)):
            connection.execute(
                "INSERT INTO alerts_integration (name, kind, key, default_severity, identity_labels, ignored_labels, enabled, created_at,"
                " event_rate, event_burst) VALUES ('x', 'generic', %s, 'warning', '{}', '{}', true, now(), 1, %s)",
                [key, burst],
            )
        connection.execute("NOTIFY tocsin_integrations")
    assert web.call("POST", f"/in/{loud}", {"alerts": [{}] * 25})[0] == 202  # 25 events, not one
    status, text, headers = web.call("POST", f"/in/{loud}", {"title": "x"})
    assert (status, headers["retry-after"]) == (503, "6") and b"more than 1 events a second" in text
    status, text, headers = web.call("POST", "/api/v2/alerts", [{"labels": {"a": "b"}}], Authorization=f"Bearer {loud}")
    assert status == 503 and int(headers["retry-after"]) > 0 and isinstance(json.loads(text), str)
    trigger = {"routing_key": loud, "event_action": "trigger", "payload": {"summary": "x", "source": "x", "severity": "info"}}
    status, text, headers = web.call("POST", "/v2/enqueue", trigger)
    assert status == 429 and int(headers["retry-after"]) > 0 and json.loads(text)["status"] == "throttle exceeded"
    for _ in range(30):
        assert web.call("POST", f"/in/{quiet}", {"title": "x"})[0] == 202


def test_with_the_database_away_nothing_is_accepted():
    assert all(isinstance(result, OSError) for result in stored(Pool(away=True), [b"x"] * 5))


def test_with_the_database_away_senders_are_asked_to_come_again(base):
    server = Web(base)
    try:
        assert server.call("POST", f"/in/{KEY}", {})[0] == 202
        name = base.split("@/")[1].split("?")[0]
        folder = os.environ["TOCSIN_TEST_SERVER"]
        database.admin(folder, f'ALTER DATABASE "{name}" ALLOW_CONNECTIONS false')
        database.admin(folder, f"SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = '{name}'")
        for path in (f"/in/{KEY}", f"/api/v2/alerts?token={KEY}"):
            status, _, headers = server.call("POST", path, [{"labels": {"a": "b"}}])
            assert status == 503 and int(headers["retry-after"]) > 0
        database.admin(folder, f'ALTER DATABASE "{name}" ALLOW_CONNECTIONS true')
        assert server.call("POST", f"/in/{KEY}", {})[0] == 202
    finally:
        database.admin(os.environ["TOCSIN_TEST_SERVER"], f'ALTER DATABASE "{base.split("@/")[1].split("?")[0]}" ALLOW_CONNECTIONS true')
        server.kill()


def test_a_body_that_never_ends_is_given_up(monkeypatch):
    monkeypatch.setattr(intake, "BODY_SECONDS", 0.05)

    async def never():
        await asyncio.sleep(60)

    async def run():
        with pytest.raises(intake._SlowError):
            await intake._Streamed([], never).read(100, None)

    loops.run(run())


def test_whatever_goes_wrong_within_senders_are_asked_to_come_again(monkeypatch):
    async def broken(request):
        raise RuntimeError("got result for unknown protocol state")

    async def receive():
        return {"type": "http.request", "body": b"{}", "more_body": False}

    answered = []

    async def send(message):
        answered.append(message)

    monkeypatch.setattr(intake.state, "writer", object())
    monkeypatch.setitem(addresses.find("/in/k")[0].takes, "POST", broken)
    loops.run(intake.app({"type": "http", "method": "POST", "path": "/in/k", "headers": [], "query_string": b""}, receive, send))
    assert answered[0]["status"] == 503 and any(name == b"retry-after" for name, _ in answered[0]["headers"])


def test_bodies_that_are_held_are_bounded_in_all_and_given_back(monkeypatch):
    """Many large bodies at once, from strangers too, do not fill the memory."""
    loops.run(_many_bodies(monkeypatch))


async def _many_bodies(monkeypatch):
    monkeypatch.setattr(intake, "MOST_HELD", 100)
    monkeypatch.setattr(intake.state, "writer", object())
    answered: list[int] = []
    gate = asyncio.Event()

    async def take(request):
        await gate.wait()
        return any_source.ACCEPTED

    monkeypatch.setitem(addresses.find("/in/k")[0].takes, "POST", take)

    async def request():
        async def receive():
            return {"type": "http.request", "body": b"x" * 150, "more_body": False}

        async def send(message):
            if message["type"] == "http.response.start":
                answered.append(message["status"])

        await intake.app({"type": "http", "method": "POST", "path": "/in/k", "headers": [], "query_string": b""}, receive, send)

    first = asyncio.create_task(request())
    await asyncio.sleep(0)
    await request()
    assert answered == [503]
    gate.set()
    await first
    await request()
    assert answered == [503, 202, 202] and intake.state.held == 0


def test_a_key_above_its_rate_is_refused_before_its_body_is_kept_or_read(monkeypatch):
    loops.run(_flood_of_bodies(monkeypatch))


async def _flood_of_bodies(monkeypatch):
    monkeypatch.setattr(intake.state, "writer", object())
    monkeypatch.setattr(intake.state.keys, "known", {"loud": 1, "quiet": 2})
    empty, full = Bucket(10, 1, time.monotonic()), Bucket(10, 1, time.monotonic())
    empty.take(1_000, time.monotonic())
    monkeypatch.setattr(intake.state.keys, "buckets", {1: empty, 2: full})
    read: list[str] = []

    async def take(request):
        read.append(request.key())
        assert intake.state.held_of[2] == len(request.body) == 150
        return any_source.ACCEPTED

    monkeypatch.setitem(addresses.find("/in/k")[0].takes, "POST", take)
    held: list[int] = []

    async def ask(key, parts=(b"x" * 75, b"x" * 75)):
        left, answered = list(parts), []

        async def receive():
            held.append(intake.state.held)
            return {"type": "http.request", "body": left.pop(0), "more_body": bool(left)}

        async def send(message):
            answered.append(message)

        await intake.app({"type": "http", "method": "POST", "path": f"/in/{key}", "headers": [], "query_string": b""}, receive, send)
        assert not left, "the body is read to its end, else its sender never sees the answer"
        return answered[0]["status"], dict(answered[0]["headers"])

    status, headers = await ask("loud")
    assert status == 503 and int(headers[b"retry-after"]) > 1 and read == [] and held == [0, 0]
    assert (await ask("quiet"))[0] == 202 and read == ["quiet"]
    assert not intake.state.held and not +intake.state.held_of and not +intake.state.at_once_of


def test_one_key_cannot_take_every_place_or_all_the_room(monkeypatch):
    loops.run(_one_of_two(monkeypatch))


async def _one_of_two(monkeypatch):
    monkeypatch.setattr(intake, "MOST_AT_ONCE_OF_ONE", 2)
    monkeypatch.setattr(intake, "MOST_HELD_OF_ONE", 100)
    monkeypatch.setattr(intake.state, "writer", object())
    monkeypatch.setattr(intake.state.keys, "known", {"loud": 1, "quiet": 2})
    gate, arrived = asyncio.Event(), asyncio.Event()

    async def take(request):
        await gate.wait()
        return any_source.ACCEPTED

    monkeypatch.setitem(addresses.find("/in/k")[0].takes, "POST", take)

    async def ask(key, size, *, slow=False):
        status = []

        async def receive():
            if slow:
                await arrived.wait()
            return {"type": "http.request", "body": b"x" * size, "more_body": False}

        async def send(message):
            if message["type"] == "http.response.start":
                status.append(message["status"])

        await intake.app({"type": "http", "method": "POST", "path": f"/in/{key}", "headers": [], "query_string": b""}, receive, send)
        return status[0]

    large = asyncio.create_task(ask("loud", 150))
    await asyncio.sleep(0)
    assert await ask("loud", 10) == 503, "its bodies hold all of its room"
    slow = asyncio.create_task(ask("loud", 0, slow=True))
    await asyncio.sleep(0)
    quiet = asyncio.create_task(ask("quiet", 50))
    await asyncio.sleep(0)
    gate.set()
    arrived.set()
    assert await quiet == 202 and await large == 202 and await slow in (202, 503)
    gate.clear()
    places = [asyncio.create_task(ask("loud", 1)) for _ in range(2)]
    await asyncio.sleep(0)
    assert await ask("loud", 1) == 503, "its places are taken"
    other = asyncio.create_task(ask("quiet", 1))
    await asyncio.sleep(0)
    gate.set()
    assert [await other, *[await one for one in places]] == [202, 202, 202]
    assert not intake.state.at_once and not +intake.state.at_once_of and not +intake.state.held_of
