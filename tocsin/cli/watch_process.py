"""What does the watch process do? It waits for the heartbeat, fetches the rota, and pages by itself when the heartbeat stops."""

from __future__ import annotations

import json
import logging
import signal
from collections.abc import Iterable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path
from threading import Event, RLock, Thread
from typing import Any
from urllib.parse import urlencode

from tocsin import clock
from tocsin.cli import watch_server
from tocsin.cli.watch_store import Store, with_own
from tocsin.domain import rota_watch as rules
from tocsin.domain.ports import Account, Message, Outcome, Receipt
from tocsin.domain.rota_watch import Method, Outgoing, Person, Rota, Told
from tocsin.integrations.registry import GATEWAYS, NOTIFIERS
from tocsin.lib import http, signing

log = logging.getLogger(__name__)
ROUND = 1.0  # seconds
FETCH_EVERY = 300.0
FETCH_AGAIN = 30.0  # after one that failed
LINK_LIFETIME = timedelta(hours=24)
PURPOSE = "watch acknowledge"
TOLD = {
    "silent": "the heartbeat is silent", "step": "paging step", "nobody": "nobody can be reached from here; tried again in a minute",
    "acknowledgement expired": "the acknowledgement has run out", "heard again": "the heartbeat is heard again",
}  # fmt: skip
ANSWER = "acknowledged-here"  # the file by which `tocsin watch-ack` speaks to the process


@dataclass(frozen=True)
class Settings:
    """How this watch was started. `installation`: the address of the Tocsin that is watched; `url`: where people reach this watch."""

    installation: str
    token: str
    listen: tuple[str, int]
    url: str
    silence: timedelta
    policy: str = ""


class Watcher:
    """One watch."""

    def __init__(self, settings: Settings, folder: Path) -> None:
        self.settings, self.store = settings, Store(folder)
        self.own = self.store.own()
        self.state = self.store.state(clock.now())
        self.copy = self.store.rota()
        self.lock, self.stop = RLock(), Event()
        self.threads = ThreadPoolExecutor(8, thread_name_prefix="sending")
        self.sending: set[str] = set()

    def run(self) -> None:
        """Watch until told to stop."""
        for number in (signal.SIGTERM, signal.SIGINT):
            signal.signal(number, lambda *_: self.stop.set())
        server = watch_server.serve(self.settings.listen, self.store.ping_token(), self)
        Thread(target=server.serve_forever, name="http", daemon=True).start()
        Thread(target=self._fetch_for_ever, name="rota", daemon=True).start()
        host, port = server.server_address[:2]
        where = self.settings.url or f"http://{host!s}:{port}"
        print(f"Tocsin watch is ready; set TOCSIN_HEARTBEAT_URL={where}/ping/{self.store.ping_token()} on the installation", flush=True)
        while not self.stop.wait(ROUND):
            try:
                self.round()
            except Exception:
                log.exception("a round of the watch failed")
        server.shutdown()
        self.threads.shutdown(wait=False, cancel_futures=True)

    # -- the rota -----------------------------------------------------------------------------------------------------------
    def _fetch_for_ever(self) -> None:
        pause = 0.0
        while not self.stop.wait(pause):
            pause = FETCH_EVERY if self.fetch() else FETCH_AGAIN

    def fetch(self) -> bool:
        """Fetch a newer copy; the one that is held stays where that fails."""
        query = urlencode({"policy": self.settings.policy} if self.settings.policy else {})
        try:
            answer = http.request(
                "GET", f"{self.settings.installation}/api/v1/watch/rota?{query}", headers={"Authorization": f"Bearer {self.settings.token}"}
            )
            if answer.status != 200:
                raise ValueError(f"it was answered with {answer.status}")
            copy = self.store.take(json.loads(answer.body))
        except (http.BlockedError, http.UnreachableError, ValueError) as error:
            log.warning("the rota could not be fetched: %s", error)
            return False
        with self.lock:
            self.copy = copy
        return True

    def rota(self) -> Rota | None:
        """The copy with the ways of the settings file."""
        return with_own(self.copy, self.own) if self.copy else None

    # -- what happens -------------------------------------------------------------------------------------------------------
    def round(self) -> None:
        """Decide what is due, keep it, and send it."""
        with self.lock:
            self._answered_here()
            rota, now = self.rota(), clock.now()
            before = self.state
            self.state, told = rules.decide(rota, before, now, self.settings.silence)
            going = [(one, rota) for one in rules.due(self.state, now) if rota and one.key not in self.sending]
            self.state = rules.begun(self.state, [one for one, _ in going])
            if self.state != before:
                self.store.keep(self.state)
            self._log(told)
            for one, copy in going:
                self.sending.add(one.key)
                self.threads.submit(self._send, one, copy)

    def hear(self) -> None:
        """A heartbeat came in. Whoever was paged hears that it is back."""
        with self.lock:
            before = self.state
            self.state, told = rules.heard(before, clock.now())
            if before.run:
                self.store.keep(self.state)
            self._log(told)
            rota = self.rota()
            for one in told:
                for person in [rota.people[id] for id in one.people if rota and id in rota.people]:
                    for method in person.methods[:1]:
                        self.threads.submit(self._deliver, method, BACK, f"watch-back-{before.runs}-{person.id}")

    def acknowledge(self, by: str) -> bool:
        """Somebody has it; False where nothing was to be acknowledged."""
        with self.lock:
            before = self.state
            self.state = rules.acknowledge(before, by, clock.now())
            if self.state == before:
                return False
            self.store.keep(self.state)
            log.warning("acknowledged by %s", by)
            return True

    def _answered_here(self) -> None:
        by = self.store.text(ANSWER).strip()
        if by:
            (self.store.folder / ANSWER).unlink(missing_ok=True)
            self.acknowledge(by)

    def _log(self, told: Iterable[Told]) -> None:
        names = {id: one.name for id, one in self.copy.people.items()} if self.copy else {}
        for one in told:
            step = f" {one.step}" if one.step else ""
            people = ", ".join(names.get(id, str(id)) for id in one.people)
            log.warning("%s%s%s", TOLD.get(one.what, one.what), step, f": {people}" if people else "")

    # -- sending ------------------------------------------------------------------------------------------------------------
    def _send(self, one: Outgoing, rota: Rota) -> None:
        person = rota.people.get(one.person)
        receipt = (
            self._deliver(one.method, self.message(person, rota, possible_duplicate=one.unsure), one.key)
            if person
            else Receipt(Outcome.FAILED, "no longer in the rota")
        )
        log.warning("%s by %s: %s, %s", person.name if person else one.person, one.method.kind, receipt.outcome, receipt.reason)
        failed, unknown = ([one] if receipt.outcome is outcome else [] for outcome in (Outcome.RETRY, Outcome.UNKNOWN))
        with self.lock:
            self.state = rules.sent(self.state, [] if failed or unknown else [one], failed, clock.now(), unknown=unknown)
            self.sending.discard(one.key)
            self.store.keep(self.state)

    def _deliver(self, method: Method, message: Message, key: str) -> Receipt:
        try:
            accounts = [one for one in self.own.accounts if GATEWAYS[one["kind"]].channel == method.kind]
            if not accounts:
                return NOTIFIERS[method.kind].send(method.address, message, key=key)
            receipt = Receipt(Outcome.FAILED, "no account")
            for place, one in enumerate(accounts, 1):
                receipt = GATEWAYS[one["kind"]].send(Account(place, one["name"], one["values"]), method.address, message, key=key)
                if receipt.outcome is not Outcome.RETRY:
                    break
            return receipt
        except Exception as error:
            log.exception("a message by %s failed", method.kind)
            return Receipt(Outcome.RETRY, f"the channel failed: {type(error).__name__}")

    def message(self, person: Person, rota: Rota, *, possible_duplicate: bool = False) -> Message:
        """What somebody is told when Tocsin is silent."""
        now = clock.now()
        values = {"run": self.state.runs, "by": person.name}
        link = (
            f"{self.settings.url}/ack/{signing.sign(values, purpose=PURPOSE, expires_at=now + LINK_LIFETIME)}/" if self.settings.url else ""
        )
        stale = f"\nThe rota is from {rota.made_at:%Y-%m-%d %H:%M} UTC." if now > rota.valid_until else ""
        text = f"{self.said()}\nAlerts may reach nobody until it runs again.{stale}\nWhy you: policy {rota.policy}, as it was copied to the watch."
        text += "\nPossible duplicate of a page before." if possible_duplicate else ""
        facts = {"kind": "page", "subject_url": self.settings.installation, "possible_duplicate": possible_duplicate}
        return Message("Tocsin itself is silent", text, link=link, urgent=True, facts=facts)

    # -- what is asked ------------------------------------------------------------------------------------------------------
    def link(self, token: str) -> str:
        """Who acknowledges with that link. Raises ValueError."""
        values: dict[str, Any] = signing.read(token, purpose=PURPOSE, now=clock.now())
        if values["run"] != self.state.runs:
            raise ValueError("This link is about an earlier silence.")
        return str(values["by"])

    def said(self) -> str:
        """How it stands, for people."""
        state = self.state
        if state.run is None:
            return f"The heartbeat of {self.settings.installation} is heard."
        text = f"The heartbeat of {self.settings.installation} was last heard at {state.heard_at:%Y-%m-%d %H:%M:%S} UTC."
        return text + (f" {state.run.acknowledged_by} has acknowledged." if state.run.acknowledged_by else "")

    def health(self) -> dict[str, Any]:
        """For whoever watches the watch."""
        run = self.state.run
        status = "watching" if run is None else "acknowledged" if run.acknowledged_at else "paging"
        silent = (clock.now() - self.state.heard_at).total_seconds()
        made: datetime | None = self.copy.made_at if self.copy else None
        return {"status": status, "silent_seconds": round(silent), "rota_made_at": made.isoformat() if made else None}


BACK = Message("Tocsin is heard again", "The heartbeat is back: Tocsin pages by itself again.", urgent=False, facts={"kind": "notice"})
