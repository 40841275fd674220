"""What does the watch keep on its disk? The signed copy, the key that proves it, the state of its run and its own secrets; all 0600."""

from __future__ import annotations

import contextlib
import json
import os
import secrets
import tomllib
from dataclasses import asdict, dataclass, replace
from datetime import datetime
from pathlib import Path
from typing import Any

from tocsin.cli.session import Failed
from tocsin.domain import rota_watch as rules
from tocsin.domain.rota_watch import Method, Outgoing, Rota, Run, State
from tocsin.lib import signed_copy

SETTINGS = "watch.toml"


@dataclass(frozen=True)
class Own:
    """What the settings file adds: ways to reach people by name, instead of those of the copy, and accounts at providers."""

    people: dict[str, tuple[Method, ...]]
    accounts: tuple[dict[str, Any], ...] = ()


class Store:
    """The folder of one watch."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)

    def write(self, name: str, text: str) -> None:
        """Replace a file as a whole."""
        fresh = self.folder / f".{name}.{secrets.token_hex(4)}"
        with os.fdopen(os.open(fresh, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w") as file:
            file.write(text)
            file.flush()
            os.fsync(file.fileno())
        fresh.rename(self.folder / name)

    def text(self, name: str) -> str:
        """What a file holds; "" where it is not there."""
        with contextlib.suppress(FileNotFoundError):
            return (self.folder / name).read_text()
        return ""

    def ping_token(self) -> str:
        """The secret in the address that the heartbeat is sent to, made once."""
        if not self.text("ping-token"):
            self.write("ping-token", secrets.token_urlsafe(24))
        return self.text("ping-token").strip()

    # -- the copy -----------------------------------------------------------------------------------------------------------
    def pin(self, key: str) -> None:
        """Believe this key from now on. Raises Failed when another one is believed already."""
        known = self.text("public-key").strip()
        if known and known != key:
            raise Failed(f"another key is believed here already: remove {self.folder / 'public-key'} if the installation was made anew")
        if not known:
            self.write("public-key", key + "\n")

    def take(self, answer: dict[str, Any]) -> Rota:
        """Keep a fetched copy. The first key that comes is believed for ever. Raises ValueError where it is not to be believed, or is older."""
        text, signature = str(answer.get("rota", "")), str(answer.get("signature", ""))
        known = self.text("public-key").strip() or str(answer.get("public_key", ""))
        signed_copy.verify(text, signature, known)
        rota = rules.read(json.loads(text))
        held = self.rota()
        if held and held.installation == rota.installation and rota.made_at < held.made_at:
            raise ValueError("it is older than the copy that is held here")
        if not self.text("public-key"):
            self.pin(known)
        self.write("rota.json", json.dumps({"rota": text, "signature": signature}))
        return rota

    def rota(self) -> Rota | None:
        """The copy that is held, proved again each time it is read; None where there is none that can be believed."""
        try:
            kept = json.loads(self.text("rota.json"))
            signed_copy.verify(kept["rota"], kept["signature"], self.text("public-key").strip())
            return rules.read(json.loads(kept["rota"]))
        except (ValueError, KeyError, TypeError):
            return None

    def own(self) -> Own:
        """The settings file. Raises Failed with one sentence where it cannot be read."""
        try:
            plain = tomllib.loads(self.text(SETTINGS))
            people = {
                str(one["name"]): tuple(Method(str(m["kind"]), str(m["address"]), int(m.get("after_seconds", 0))) for m in one["methods"])
                for one in plain.get("people", [])
            }
            accounts = tuple(
                {"kind": str(a["kind"]), "name": str(a.get("name", a["kind"])), "values": dict(a["values"])}
                for a in plain.get("accounts", [])
            )
        except (tomllib.TOMLDecodeError, KeyError, TypeError, ValueError) as error:
            raise Failed(f"{self.folder / SETTINGS} cannot be read: {error}; docs/how-to/watch-the-pager.md shows its form") from error
        return Own(people, accounts)

    # -- the run ------------------------------------------------------------------------------------------------------------
    def state(self, now: datetime) -> State:
        """Where the run stood when the watch was last here; silent since now where it never was."""
        try:
            plain = json.loads(self.text("state.json"))
            run = plain["run"] and Run(
                plain["run"]["number"], _time(plain["run"]["began_at"]), _time(plain["run"]["due_at"]), plain["run"]["step"], tuple(plain["run"]["paged"]),
                plain["run"]["acknowledged_at"] and _time(plain["run"]["acknowledged_at"]), plain["run"]["acknowledged_by"],
            )  # fmt: skip
            going = tuple(
                Outgoing(
                    one["key"],
                    one["person"],
                    Method(**one["method"]),
                    one["step"],
                    _time(one["due_at"]),
                    one["tries"],
                    one.get("unsure", False),
                )
                for one in plain["outgoing"]
            )
            # It could not hear while it was away: the silence counts from now, unless it was paging already.
            return State(_time(plain["heard_at"]) if run else now, run or None, going, plain["runs"])
        except (ValueError, KeyError, TypeError):
            return State(now)

    def keep(self, state: State) -> None:
        """Write where the run stands, before anything of it goes out."""
        self.write("state.json", json.dumps(asdict(state), default=lambda value: value.isoformat()))


def _time(text: str) -> datetime:
    return datetime.fromisoformat(text)


def with_own(rota: Rota, own: Own) -> Rota:
    """The copy, with the ways of the settings file instead of its own for whoever it names."""
    people = {id: replace(one, methods=own.people.get(one.name, one.methods)) for id, one in rota.people.items()}
    return replace(rota, people=people)
