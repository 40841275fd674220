"""What holds while parts are killed: nothing accepted is lost, nobody goes unpaged, and a page is sent at most once too often."""

from __future__ import annotations

import contextlib
import json
import os
import signal
import threading
import time
import uuid
from pathlib import Path
from typing import Any

import pytest

from tests.live import LiveServer, Phone, until

pytestmark = [pytest.mark.acceptance, pytest.mark.timeout(240)]


class SlowPhone(Phone):
    """A phone that can be told to think before it answers: what it has heard is sent, but its sender does not know yet."""

    def __init__(self) -> None:
        super().__init__()
        self.heard: list[dict[str, Any]] = []
        self.patience = 0.0
        outer, before = self, self.server.RequestHandlerClass

        class Taker(before):  # type: ignore[misc, valid-type]
            def do_POST(self) -> None:
                body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
                outer.heard.append(json.loads(body))
                time.sleep(outer.patience)
                with contextlib.suppress(OSError):
                    self.send_response(200)
                    self.end_headers()

        self.server.RequestHandlerClass = Taker

    def pages(self, title: str) -> list[dict[str, Any]]:
        return [one for one in self.heard if title in one["title"] + one["text"]]


class House:
    """One running Tocsin."""

    def __init__(self) -> None:
        self.server, self.phone = LiveServer(), SlowPhone()
        self.key = ""

    def person(self) -> None:
        """Somebody new is paged from now on for whatever is reported as critical: nobody's pages are held back behind an earlier story's."""
        api, tag = self.server.api, uuid.uuid4().hex[:6]
        user = api("POST", "/users", {"name": f"Ana {tag}", "email": f"{tag}@example.com", "time_zone": "UTC"})
        method = {"kind": "webhook", "address": f"{self.phone.url}/{tag}", "verified": True}
        api("POST", f"/users/{user['id']}/contact-methods", method)
        steps = [{"wait_seconds": 600, "targets": [{"kind": "user", "id": user["id"]}]}]
        policy = api("POST", "/escalation-policies", {"name": tag, "steps": steps})
        service = api("POST", "/services", {"name": tag, "escalation_policy": policy["id"]})
        self.key = self.integration(tag, service["id"])["key"]

    def integration(self, name: str, service: int | None = None) -> dict[str, Any]:
        return self.server.api("POST", "/integrations", {"name": name, "kind": "alertmanager", "service": service})

    def send(self, title: str, *, key: str = "", severity: str = "critical") -> int:
        """Report it; the status of the answer, 0 for none."""
        labels = {"alertname": title, "severity": severity}
        body = {"alerts": [{"status": "firing", "fingerprint": title, "labels": labels, "annotations": {"summary": title}}]}
        return self.server.ask("POST", f"/in/{key or self.key}", body, token="")[0]

    def pids(self, part: str = "") -> list[int]:
        """The processes of that part (web, worker, postgres), or of all parts, right under the supervisor."""
        found = []
        for folder in Path("/proc").glob("[0-9]*"):
            with contextlib.suppress(OSError, ValueError, IndexError):
                parent = int((folder / "stat").read_text().rpartition(")")[2].split()[1])
                names = (folder / "cmdline").read_bytes().split(b"\0")[0] + (folder / "environ").read_bytes()
                wanted = f"TOCSIN_PROCESS={part}\0" if part in ("web", "worker") else part
                if parent == self.server.process.pid and wanted.encode() in names:
                    found.append(int(folder.name))
        return found

    def kill(self, part: str) -> None:
        pids = self.pids(part)
        assert pids, f"no process of {part}"
        for pid in pids:
            os.kill(pid, signal.SIGKILL)

    def titles(self, integration: int) -> set[str]:
        """What became of everything that this integration sent."""
        found, cursor = set(), ""
        while True:
            answer = self.server.api("GET", f"/alerts?integration={integration}&limit=100{cursor}")
            found |= {alert["title"] for alert in answer["items"]}
            if not answer["next"]:
                return found
            cursor = f"&cursor={answer['next']}"

    def paged(self, title: str, seconds: float) -> list[dict[str, Any]]:
        return until(lambda: self.phone.pages(title), bool, seconds)

    def close(self) -> None:
        self.phone.close()
        self.server.stop()


@pytest.fixture(scope="module")
def running():
    made = House()
    yield made
    made.close()


@pytest.fixture
def house(running):
    running.person()
    return running


class Load:
    """Senders that report one thing after the other and remember what was accepted and what was not."""

    def __init__(self, house: House, integration: dict[str, Any]) -> None:
        self.accepted: set[str] = set()
        self.answers: set[int] = set()
        self.stopping = threading.Event()

        def report(sender: int) -> None:
            for number in range(100_000):
                if self.stopping.is_set():
                    return
                title = f"load {sender}-{number}"
                status = house.send(title, key=integration["key"], severity="info")
                self.answers.add(status)
                if status == 202:
                    self.accepted.add(title)
                time.sleep(0.01)

        self.threads = [threading.Thread(target=report, args=(sender,)) for sender in range(4)]
        for thread in self.threads:
            thread.start()

    def wait_for(self, count: int) -> None:
        """Until so many more were accepted."""
        goal = len(self.accepted) + count
        until(lambda: len(self.accepted), lambda n: n >= goal, 30)

    def stop(self) -> None:
        self.stopping.set()
        for thread in self.threads:
            thread.join(30)


def test_a_worker_killed_between_claim_and_settlement_sends_at_most_once_more_and_says_so(house):
    title = f"between {uuid.uuid4().hex[:6]}"
    house.phone.patience = 2.0
    assert house.send(title) == 202
    until(lambda: house.phone.pages(title), bool, 15, pause=0.02)
    house.kill("worker")
    house.phone.patience = 0.0
    pages = until(lambda: house.phone.pages(title), lambda found: len(found) == 2, 25)
    assert not pages[0]["facts"]["possible_duplicate"] and pages[1]["facts"]["possible_duplicate"]
    assert pages[0]["id"] == pages[1]["id"]  # the same key: a receiver that looks at it drops the second
    until(lambda: house.server.ask("GET", "/readyz", token="")[0], lambda status: status == 200)
    time.sleep(1)
    assert len(house.phone.pages(title)) == 2


def test_web_killed_and_the_database_killed_under_load_lose_nothing_that_was_accepted(house):
    integration = house.integration("load")
    load = Load(house, integration)
    try:
        load.wait_for(30)
        house.kill("web")
        load.wait_for(30)
        house.kill("postgres")
        load.wait_for(30)
    finally:
        load.stop()
    assert load.answers <= {202, 503, 0}
    until(lambda: load.accepted - house.titles(integration["id"]), lambda missing: not missing, 30, pause=0.5)
    title = f"after {uuid.uuid4().hex[:6]}"
    until(lambda: house.send(title), lambda status: status == 202)
    assert len(house.paged(title, 15)) == 1


def test_all_killed_and_started_again_what_was_accepted_is_paged(house):
    title = f"all {uuid.uuid4().hex[:6]}"
    until(lambda: house.send(title), lambda status: status == 202)
    pids = [house.server.process.pid, *house.pids()]
    for pid in pids:
        with contextlib.suppress(ProcessLookupError):
            os.kill(pid, signal.SIGKILL)
    house.server.process.wait(10)
    house.server.start()
    assert 1 <= len(house.paged(title, 30)) <= 2
