"""`tocsin watch` on another host: a Tocsin that is killed whole is noticed, and people are paged by the copy of its rota."""

from __future__ import annotations

import contextlib
import json
import os
import re
import signal
import subprocess
import sys
import threading
import time
import urllib.request
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest

from tests.live import ROOT, Phone, free_port, until
from tocsin.domain import rota_watch
from tocsin.lib import signed_copy


class Watched:
    """One `tocsin watch` process in a folder of its own."""

    def __init__(self, folder: Path, installation: str, token: str = "a-token") -> None:
        self.folder, self.port = folder, free_port()
        self.url = f"http://127.0.0.1:{self.port}"
        self.command = [
            sys.executable, "-m", "tocsin.cli", "watch", installation, "--listen", f"127.0.0.1:{self.port}", "--url", self.url,
            "--data", str(folder),
        ]  # fmt: skip
        own = {name: value for name, value in os.environ.items() if not name.startswith(("TOCSIN_", "DJANGO_"))}
        self.environment = {**own, "TOCSIN_WATCH_TOKEN": token, "TOCSIN_EGRESS_ALLOW": "127.0.0.1", "PYTHONPATH": str(ROOT)}

    def start(self, *, silence: int) -> None:
        """`silence`: 5, the least there is, where it is to page soon, 600 where it is not to page however long this machine stands still."""
        self.process = subprocess.Popen(
            [*self.command, "--silence", str(silence)],
            env=self.environment,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            text=True,
            cwd="/",
        )
        assert self.process.stdout
        line = self.process.stdout.readline()
        assert "TOCSIN_HEARTBEAT_URL=" in line, line
        self.ping = re.search(r"TOCSIN_HEARTBEAT_URL=(\S+)", line)[1]  # type: ignore[index]

    def kill(self) -> None:
        self.process.kill()
        self.process.wait()

    def stop(self) -> int:
        self.process.terminate()
        return self.process.wait(60)

    def cli(self, *arguments: str) -> subprocess.CompletedProcess[str]:
        command = [sys.executable, "-m", "tocsin.cli", *arguments, "--data", str(self.folder)]
        return subprocess.run(command, env=self.environment, capture_output=True, text=True, timeout=180, cwd="/")

    def left_to_send(self) -> list[dict[str, Any]]:
        """What it keeps on disk as not sent yet."""
        return json.loads((self.folder / "watch" / "state.json").read_text())["outgoing"]

    def health(self) -> dict[str, Any]:
        return json.loads(get(self.url + "/healthz"))


def get(url: str, method: str = "GET") -> str:
    with urllib.request.urlopen(urllib.request.Request(url, method=method, data=b"" if method == "POST" else None), timeout=60) as reply:
        return reply.read().decode()


class StandIn:
    """An installation as the watch sees it: its signed rota, which can be taken away."""

    def __init__(self, phone: Phone, *names: str) -> None:
        self.names, self.phone, self.away = names, phone, False
        outer = self

        class Answering(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                body = json.dumps(outer.signed()).encode()
                right = self.headers["Authorization"] == "Bearer a-token" and self.path.startswith("/api/v1/watch/rota")
                self.send_response(503 if outer.away else 200 if right else 403)
                self.end_headers()
                self.wfile.write(body)

            def log_message(self, *_: Any) -> None:
                pass

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Answering)
        self.url = f"http://127.0.0.1:{self.server.server_port}"
        threading.Thread(target=self.server.serve_forever, daemon=True).start()

    def signed(self) -> dict[str, str]:
        now, later = "2026-01-01T00:00:00+00:00", "2099-01-01T00:00:00+00:00"
        people = [
            {"id": number, "name": name, "methods": [{"kind": "webhook", "address": f"{self.phone.url}/{name}", "after_seconds": 0}]}
            for number, name in enumerate(self.names, 1)
        ]
        steps = [{"wait_seconds": 60, "always": [person["id"]], "shifts": []} for person in people]
        plain = {
            "version": 1,
            "installation": self.url,
            "policy": "P",
            "made_at": now,
            "valid_until": later,
            "steps": steps,
            "people": people,
        }
        text = json.dumps(plain)
        return {"rota": text, "signature": signed_copy.sign(text, purpose="rota"), "public_key": signed_copy.public_key("rota")}


def rang(phone: Phone) -> list[tuple[str, str, str]]:
    """Who was told what, and the link in it."""
    found = [(path, json.loads(body)) for _, path, body in phone.received]
    return [(path.strip("/"), said["title"], said["ack_url"] or "") for path, said in found]


@pytest.fixture
def phone():
    made = Phone()
    yield made
    made.close()


@pytest.fixture
def watched(phone, tmp_path):
    house = StandIn(phone, "Ana", "Ben")
    made = Watched(tmp_path, house.url)
    made.house = house  # type: ignore[attr-defined]
    yield made
    with contextlib.suppress(Exception):
        made.kill()
    house.server.shutdown()


def test_a_heartbeat_ends_the_silence(watched, phone):
    def silent() -> int:
        return watched.health()["silent_seconds"]

    watched.start(silence=600)
    long = until(silent, lambda seconds: seconds >= 2)
    assert get(watched.ping) == "heard\n"
    until(lambda: get(watched.ping) and silent(), lambda seconds: seconds < long)
    assert not phone.received and watched.health()["status"] == "watching"


def test_a_silent_heartbeat_pages_a_killed_watch_goes_on_and_a_link_acknowledges(watched, phone):
    watched.start(silence=5)
    until(lambda: watched.health()["rota_made_at"], bool)
    watched.house.away = True  # from now on there is the copy alone
    until(lambda: rang(phone), bool)
    until(watched.left_to_send, lambda left: left == [])  # it knows that this one went out
    watched.kill()
    watched.start(silence=600)
    time.sleep(2.5)
    assert [(who, what) for who, what, _ in rang(phone)] == [("Ana", "Tocsin itself is silent")]  # not again
    link = rang(phone)[0][2]
    assert "do you take care of it?" in get(link) and watched.health()["status"] == "paging"  # looking changes nothing
    assert "Thank you, Ana" in get(link, "POST")
    assert watched.health()["status"] == "acknowledged"
    assert "Nothing was to be acknowledged" in get(link, "POST")
    get(watched.ping)
    until(lambda: len(rang(phone)), lambda count: count == 2)
    assert rang(phone)[1][:2] == ("Ana", "Tocsin is heard again") and watched.health()["status"] == "watching"
    assert watched.stop() == 0


def test_killed_before_a_provider_has_answered_it_says_the_same_once_more_and_that_it_may_be_a_duplicate(watched, phone):
    phone.answers.clear()
    watched.start(silence=5)
    until(lambda: rang(phone), bool)
    watched.kill()
    phone.answers.set()
    watched.start(silence=600)
    until(lambda: rang(phone), lambda all: len(all) == 2)
    until(watched.left_to_send, lambda left: left == [])
    said = [json.loads(body) for _, _, body in phone.received]
    assert ["Possible duplicate" in one["text"] for one in said] == [False, True]


def test_on_its_own_host_somebody_acknowledges_by_a_command(watched, phone):
    watched.start(silence=5)
    until(lambda: rang(phone), bool)
    status = json.loads(watched.cli("watch-status", "--json").stdout)
    assert status["paging"] and status["steps"] == [["Ana"], ["Ben"]]
    assert watched.cli("watch-ack", "Ben").returncode == 0
    until(lambda: watched.health()["status"], lambda status: status == "acknowledged")
    watched.kill()
    watched.start(silence=600)
    get(watched.ping)
    until(lambda: watched.health()["status"], lambda status: status == "watching")
    assert "nothing to acknowledge" in watched.cli("watch-ack", "Ben").stderr


def test_strangers_are_told_nothing_and_wrong_use_is_said_in_one_line(watched, phone):
    watched.start(silence=600)
    for path in ("/", "/ping/guessed", "/ack/forged/", "/ping/"):
        with pytest.raises(urllib.error.HTTPError) as refused:
            get(watched.url + path)
        assert refused.value.code == 404
    assert watched.health()["status"] == "watching"
    environment = {**watched.environment, "TOCSIN_WATCH_TOKEN": ""}
    done = subprocess.run(watched.command, env=environment, capture_output=True, text=True, timeout=180, cwd="/")
    assert done.returncode == 1 and done.stderr.count("\n") == 1 and "TOCSIN_WATCH_TOKEN" in done.stderr


def test_the_reader_of_the_rota_is_the_one_of_the_server():
    assert rota_watch.read(json.loads(StandIn(Phone(), "Ana").signed()["rota"])).steps[0].always == (1,)


@pytest.mark.acceptance
def test_a_whole_tocsin_that_is_killed_is_noticed_and_its_people_are_paged(phone, tmp_path):
    from tests.running import Installation

    port = free_port()
    house = Installation()
    watch = Watched(tmp_path, f"http://127.0.0.1:{port}")
    try:
        house.up(port=port)
        house.cli("user", "add", "ana@example.com", "--name", "Ana", "--role", "administrator")
        headers = {"Authorization": "Bearer for-tests-only", "Content-Type": "application/json"}

        def api(path: str, body: dict[str, Any]) -> dict[str, Any]:
            request = urllib.request.Request(f"{house.address}/api/v1{path}", data=json.dumps(body).encode(), headers=headers)
            with urllib.request.urlopen(request, timeout=20) as reply:
                return json.loads(reply.read())

        api("/users/1/contact-methods", {"kind": "webhook", "address": f"{phone.url}/ana", "verified": True})
        steps = [{"wait_seconds": 60, "targets": [{"kind": "user", "id": 1}]}]
        api("/escalation-policies", {"name": "Everything", "steps": steps})
        watch.environment["TOCSIN_WATCH_TOKEN"] = house.cli("token", "create", "watch", "--scope", "watch").stdout.split()[0]
        watch.start(silence=5)
        until(lambda: watch.health()["rota_made_at"], bool)
        for pid in [house.process.pid, *house.anything_left()]:  # type: ignore[union-attr]
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)
        until(lambda: rang(phone), bool)
        assert rang(phone)[0][:2] == ("ana", "Tocsin itself is silent")
    finally:
        with contextlib.suppress(Exception):
            watch.kill()
        house.clean()
