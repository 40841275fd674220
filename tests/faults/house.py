"""One running Tocsin that can be hurt, the people whom it pages, and senders that remember what was accepted."""

from __future__ import annotations

import contextlib
import http.client
import json
import os
import signal
import subprocess
import sys
import threading
import time
import uuid
from pathlib import Path
from typing import Any

from tests.live import ROOT, LiveServer, Phone, until
from tocsin import postgres

MANY = """
import sys, django; django.setup()
from tocsin import clock
from tocsin.accounts.models import User
from tocsin.alerts.models import Integration, Service
from tocsin.paging.models import ContactMethod, EscalationPolicy
count, wait, phone = int(sys.argv[1]), int(sys.argv[2]), sys.argv[3]
now, make = clock.now(), lambda of, **fields: of.objects.bulk_create(of(**{k: v(n) for k, v in fields.items()}) for n in range(count))
users = make(User, email=lambda n: f"many{n}@example.com", name=lambda n: f"Many {n}")
make(ContactMethod, user=lambda n: users[n], kind=lambda n: "webhook", address=lambda n: f"{phone}/many{n}", verified_at=lambda n: now)
steps = lambda n: [{"wait_seconds": w, "targets": [{"kind": "user", "id": users[n].pk}]} for w in (wait, 3600)]
policies = make(EscalationPolicy, name=lambda n: f"many {n}", steps=steps)
services = make(Service, name=lambda n: f"many {n}", escalation_policy=lambda n: policies[n])
keys = make(Integration, name=lambda n: f"many {n}", kind=lambda n: "alertmanager", key=lambda n: f"many{n}" + "k" * 30, service=lambda n: services[n])
print(*[one.key for one in keys])
"""


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
                outer.heard.append({**json.loads(body), "heard_at": time.monotonic()})
                time.sleep(outer.patience)
                outer.answers.wait(60)
                with contextlib.suppress(OSError):
                    self.send_response(200)
                    self.end_headers()

        self.server.RequestHandlerClass = Taker

    def pages(self, title: str) -> list[dict[str, Any]]:
        return [one for one in self.heard if title in one["title"] + one["text"]]


class House:
    """One running Tocsin. `root`: of another version of the code; `folder`: on a disk of its own."""

    def __init__(self, *, root: Path = ROOT, folder: Path | None = None, **settings: str) -> None:
        self.server, self.phone = LiveServer(root=root, folder=folder, **settings), SlowPhone()
        self.key = ""
        self.workers: list[subprocess.Popen[bytes]] = []

    def person(self, *, then: int = 0) -> str:
        """Somebody new is paged from now on for whatever is reported as critical: nobody's pages are held back behind an earlier story's.

        `then`: so many seconds later a second person is paged, as the second step. The key of their service's integration.
        """
        api, tag = self.server.api, uuid.uuid4().hex[:6]
        steps = [
            {"wait_seconds": wait, "targets": [{"kind": "user", "id": self._somebody(f"{tag}{wait}")}]}
            for wait in ((then, 600) if then else (600,))
        ]
        policy = api("POST", "/escalation-policies", {"name": tag, "steps": steps})
        service = api("POST", "/services", {"name": tag, "escalation_policy": policy["id"]})
        self.key = str(self.integration(tag, service["id"])["key"])
        return self.key

    def _somebody(self, tag: str) -> int:
        user = self.server.api("POST", "/users", {"name": f"Ana {tag}", "email": f"{tag}@example.com", "time_zone": "UTC"})
        method = {"kind": "webhook", "address": f"{self.phone.url}/{tag}", "verified": True}
        self.server.api("POST", f"/users/{user['id']}/contact-methods", method)
        return int(user["id"])

    def integration(self, name: str, service: int | None = None) -> dict[str, Any]:
        return self.server.api("POST", "/integrations", {"name": name, "kind": "alertmanager", "service": service})

    def send(self, title: str, *, key: str = "", severity: str = "critical") -> int:
        """Report it; the status of the answer, 0 for none."""
        return self.server.ask("POST", f"/in/{key or self.key}", report(title, severity), token="")[0]

    def answer(self, title: str) -> tuple[int, Any]:
        """Report it; the status of the answer and its headers."""
        connection = http.client.HTTPConnection("127.0.0.1", self.server.port, timeout=20)
        connection.request("POST", f"/in/{self.key}", json.dumps(report(title, "critical")), {"Content-Type": "application/json"})
        answer = connection.getresponse()
        connection.close()
        return answer.status, answer.headers

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
        self.alone()
        self.phone.close()
        self.server.stop()

    # -- more ways to hurt it -----------------------------------------------------------------------------------------------
    def worker(self) -> subprocess.Popen[bytes]:
        """One more worker process beside the supervised one."""
        command, environment = [sys.executable, "-m", "tocsin.cli", "worker"], self.environment()
        process = subprocess.Popen(
            command, cwd=ROOT, env=environment, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, start_new_session=True
        )
        self.workers.append(process)
        return process

    def alone(self) -> None:
        """No worker but the supervised one."""
        for worker in self.workers:
            worker.kill()
            worker.wait()
        self.workers.clear()

    def environment(self) -> dict[str, str]:
        """What another process needs to belong to it."""
        own = {name: value for name, value in os.environ.items() if not name.startswith(("TOCSIN_", "DJANGO_"))}
        return {**own, "TOCSIN_DATA_DIR": str(self.data), "TOCSIN_URL": self.server.url, "TOCSIN_EGRESS_ALLOW": "127.0.0.1"}

    def people(self, count: int, wait: int) -> list[str]:
        """So many people at once, each paged by a service of their own, and again so many seconds later; the keys of their integrations."""
        done = subprocess.run(
            [sys.executable, "-c", MANY, str(count), str(wait), self.phone.url],
            cwd=self.server.root, env={**self.environment(), "DJANGO_SETTINGS_MODULE": "tocsin.settings"}, capture_output=True, text=True,
        )  # fmt: skip
        assert done.returncode == 0, done.stderr[-2000:]
        return done.stdout.split()

    def logs(self) -> str:
        """What its parts said last."""
        parts = [path.read_text(errors="replace")[-2500:] for path in sorted((self.data / "logs").glob("*.log"))]
        return "\n".join([self.server.log_text()[-1500:], *parts])

    @property
    def data(self) -> Path:
        return self.server.folder / "data"

    def rows(self, query: str, *values: Any, role: str = postgres.OWNER) -> list[Any]:
        """What the database says, asked past the program."""
        import psycopg

        with psycopg.connect(postgres.url(self.data, role), autocommit=True, connect_timeout=5) as connection:
            answer = connection.execute(query.encode(), values)
            return answer.fetchall() if answer.description else []

    def postmaster(self) -> int:
        return int((self.data / "postgres" / "data" / "postmaster.pid").read_text().split()[0])

    def backends(self) -> list[int]:
        """The database's processes that serve the program."""
        found = []
        for pid in children(self.postmaster()):
            with contextlib.suppress(OSError):
                if b"tocsin_" in Path(f"/proc/{pid}/cmdline").read_bytes():
                    found.append(pid)
        return found

    def served_by(self) -> list[int]:
        """The processes of the web server that answer, below the one that keeps them."""
        return [pid for parent in self.pids("web") for pid in children(parent)]

    def kill_all(self) -> None:
        """Everything at once, the supervisor and the database included."""
        for pid in [self.server.process.pid, *self.pids(), *self.served_by()]:
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)
        self.server.process.wait(60)

    def works_again(self, seconds: float = 60.0) -> float:
        """Seconds until something that is reported from now on has paged its person. The sender comes again until it is taken."""
        begun, title = time.monotonic(), f"again {uuid.uuid4().hex[:8]}"
        until(lambda: self.send(title), lambda status: status == 202, seconds, pause=0.05)
        until(lambda: self.phone.pages(title), bool, seconds, pause=0.02)
        return time.monotonic() - begun


def report(title: str, severity: str, more: str = "") -> dict[str, Any]:
    """What an Alertmanager sends about one alert."""
    labels = {"alertname": title, "severity": severity}
    return {
        "alerts": [{"status": "firing", "fingerprint": title, "labels": labels, "annotations": {"summary": title, "description": more}}]
    }


def children(parent: int) -> list[int]:
    """The processes right below one."""
    found = []
    for folder in Path("/proc").glob("[0-9]*"):
        with contextlib.suppress(OSError, ValueError, IndexError):
            if int((folder / "stat").read_text().rpartition(")")[2].split()[1]) == parent:
                found.append(int(folder.name))
    return found


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
        until(lambda: len(self.accepted), lambda n: n >= goal)

    def stop(self) -> None:
        self.stopping.set()
        for thread in self.threads:
            thread.join(90)
